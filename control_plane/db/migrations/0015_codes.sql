-- Codes that were sent to an email address or a phone number. A code is computed from the row's salt and a secret outside the database, so it is
-- not stored. Rows are kept for two days, because limits count them.
create table contact_code (
    id           bigint generated always as identity primary key,
    purpose      text not null check (purpose in ('sign_in', 'reset_password', 'change_contact')),
    channel      text not null check (channel in ('email', 'phone')),
    address      text not null,                       -- in its normal form: lower case, E.164
    user_id      integer references app_user on delete cascade,  -- whose contact it will be; none: of whoever has the address
    origin       text not null,                       -- network address of the client that asked
    silent       boolean not null default false,      -- nothing is sent: there is no account, and the answer must not tell
    salt         bytea not null default uuid_send(gen_random_uuid()),
    tries        smallint not null default 0,
    created_at   timestamptz not null,
    confirmed_at timestamptz,
    confirmed_by text,                                -- the client that entered the code
    closed_at    timestamptz                          -- used, or replaced by a newer code
);
create unique index contact_code_open on contact_code (purpose, channel, address, coalesce(user_id, 0)) where closed_at is null;
create index contact_code_address on contact_code (address, created_at);
create index contact_code_origin on contact_code (origin, created_at);
create index contact_code_created on contact_code (created_at);
create index contact_code_user on contact_code (user_id);

-- Messages that an account's contact or password changed. Sent by a job, whose argument is the id. Rows are kept for two days.
create table account_notice (
    id         bigint generated always as identity primary key,
    about      text not null check (about in ('email_changed', 'phone_changed', 'password_changed')),
    channel    text not null check (channel in ('email', 'phone')),
    address    text not null,                         -- of the account before the change
    created_at timestamptz not null
);
create index account_notice_created on account_notice (created_at);

-- Passwords that were entered. A row is written before the password is verified, so attempts at the same time are all counted. Failures are
-- kept for a day; successes for 90 days, because an address with one is known for the account.
create table password_attempt (
    id         bigint generated always as identity primary key,
    account    bytea not null,                        -- SHA-256 of the name that was typed, whether or not it has an account
    origin     text not null,                         -- network address of the client
    failed     boolean not null default true,
    created_at timestamptz not null
);
create index password_attempt_account on password_attempt (account, created_at);
create index password_attempt_origin on password_attempt (origin, created_at);
create index password_attempt_created on password_attempt (created_at);

-- Questions whether an address or a name has an account. Kept for a day.
create table account_lookup (
    id         bigint generated always as identity primary key,
    kind       text not null check (kind in ('contact', 'username')),
    origin     text not null,
    created_at timestamptz not null
);
create index account_lookup_origin on account_lookup (origin, kind, created_at);
create index account_lookup_created on account_lookup (created_at);
