"""Reports of users and of what they show: the queue, the evidence, operators' decisions and appeals."""
