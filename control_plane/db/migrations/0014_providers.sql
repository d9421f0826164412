-- A user has at most one identity of each provider: a second one is another user of that provider, with an address that changed hands.
create unique index user_identity_of_user on user_identity (user_id, provider);
drop index user_identity_user;

-- Tokens that providers gave us for a user, encrypted with a secret outside the database. Apple's is revoked when its account is deleted.
create table provider_token (
    provider  text not null,
    user_id   integer not null references app_user on delete cascade,
    client_id text not null,                          -- to which of our clients it was given
    token     bytea not null,
    primary key (provider, user_id)
);
