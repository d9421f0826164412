-- A user has at most one identity of each provider: a second one is another user of that provider, with an address that changed hands.
create unique index user_identity_of_user on user_identity (user_id, provider);
drop index user_identity_user;
