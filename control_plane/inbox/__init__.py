"""What users are told about others: entries, unread counts, and the texts that show them."""
