-- A user's balance is the one after the newest entry of the account, at the end of every statement that changes a balance: so a change without an entry fails.
create function ledger_account_agrees() returns trigger language plpgsql as $$
begin
    if exists (
        select from changed
        where owner_id is not null and balance is distinct from
            (select balance_after from ledger_entry where account_id = changed.id order by account_id desc, id desc limit 1)
    ) then
        raise exception 'a balance changes together with an entry of its account' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger ledger_account_agrees after update on ledger_account
    referencing new table as changed for each statement execute function ledger_account_agrees();

-- An account begins without coins, so that no balance comes with a new account either.
create function ledger_account_begins() returns trigger language plpgsql as $$
begin
    raise exception 'an account begins without coins' using errcode = 'check_violation';
end $$;
create trigger ledger_account_begins before insert on ledger_account
    for each row when (new.balance <> 0) execute function ledger_account_begins();
