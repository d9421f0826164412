-- Kinds of ledger accounts. Of a user: coins bought, earned and rewarded, and debt, which is never above zero. Of the system: `store` (coins sold),
-- `commission`, `payout_reserved` (asked for, not yet paid), `payout_paid`, `reward` (coins given as rewards) and `adjustment`.
alter table ledger_account drop constraint ledger_account_check;
update ledger_account set kind = 'payout_paid' where kind = 'payout';
alter table ledger_account add check (
    case when owner_id is null then kind in ('store', 'commission', 'payout_reserved', 'payout_paid', 'reward', 'adjustment') and balance is null
         when kind = 'debt' then balance <= 0
         else kind in ('bought', 'earned', 'reward') and balance >= 0 end);
insert into ledger_account (kind) values ('payout_reserved'), ('reward');
