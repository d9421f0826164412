-- The catalogue of gifts and coin packages, which operators edit. Each start brings the values of its release, except those in `own`: the columns
-- that an operator has set. Ids from 1001 are of gifts and packages that operators added.

-- ── gifts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
create sequence gift_id start 1001 as integer owned by gift.id;
alter table gift
    alter column id set default nextval('gift_id'),
    add column own text[] not null default '{}',
    add constraint gift_title check (title <> '' and strpos(title, '=====') = 0);

-- What operators changed before there was a command for it.
update gift set own = array_remove(array[
    case when gift.title <> shipped.title then 'title' end, case when gift.coins <> shipped.coins then 'coins' end,
    case when gift.picture <> shipped.picture then 'picture' end, case when gift.category <> shipped.category then 'category' end,
    case when gift.featured <> shipped.featured then 'featured' end, case when gift.time_s <> shipped.time_s then 'time_s' end,
    case when gift.position <> shipped.id - 1 then 'position' end], null)
from (values
    (1, 'Rose', 1, 'normal', 'rose.svg', 2, true), (2, 'Heart', 5, 'normal', 'heart.svg', 2, true), (3, 'Coffee', 10, 'normal', 'coffee.svg', 2, false),
    (4, 'Ice Cream', 20, 'normal', 'ice_cream.svg', 2, false), (5, 'Balloons', 30, 'normal', 'balloons.svg', 3, false),
    (6, 'Cupcake', 50, 'normal', 'cupcake.svg', 3, false), (7, 'Teddy Bear', 99, 'premium', 'teddy.svg', 3, true),
    (8, 'Microphone', 149, 'premium', 'microphone.svg', 3, false), (9, 'Gift Box', 199, 'premium', 'gift_box.svg', 3, false),
    (10, 'Fireworks', 299, 'premium', 'fireworks.svg', 4, true), (11, 'Crown', 499, 'premium', 'crown.svg', 4, false),
    (12, 'Trophy', 799, 'premium', 'trophy.svg', 4, false), (13, 'Diamond', 1000, 'luxury', 'diamond.svg', 5, true),
    (14, 'Rocket', 2000, 'luxury', 'rocket.svg', 5, false), (15, 'Yacht', 3500, 'luxury', 'yacht.svg', 6, false),
    (16, 'Planet', 5000, 'luxury', 'planet.svg', 6, false)
) as shipped (id, title, coins, category, picture, time_s, featured)
where gift.id = shipped.id;

-- Title and picture of a gift over time: what was sent before a change keeps those of then. Sending writes nothing here.
create table gift_terms (
    gift_id integer not null references gift,
    since   timestamptz not null,
    title   text not null,
    picture text not null,
    primary key (gift_id, since)
);
create function keep_gift_terms() returns trigger language plpgsql as $$
begin
    insert into gift_terms (gift_id, since, title, picture)
    values (new.id, case when tg_op = 'INSERT' then '-infinity' else now() end, new.title, new.picture)
    on conflict (gift_id, since) do update set title = excluded.title, picture = excluded.picture;
    return null;
end $$;
create trigger keep_gift_terms_of_new after insert on gift for each row execute function keep_gift_terms();
create trigger keep_gift_terms_of_changed after update on gift for each row
    when ((old.title, old.picture) is distinct from (new.title, new.picture)) execute function keep_gift_terms();
insert into gift_terms (gift_id, since, title, picture) select id, '-infinity', title, picture from gift;

-- ── coin packages ─────────────────────────────────────────────────────────────────────────────────────────────────
-- Their terms over time, and the products of stores: 0027.
create sequence coin_package_id start 1001 as integer owned by coin_package.id;
alter table coin_package
    alter column id set default nextval('coin_package_id'),
    add column own text[] not null default '{}';
update coin_package package set own = array_remove(array[
    case when package.product_id <> shipped.product_id then 'product_id' end, case when package.coins <> shipped.coins then 'coins' end,
    case when package.title <> shipped.title then 'title' end,
    case when package.price_minor <> shipped.price_minor then 'price_minor' end, case when package.currency <> 'USD' then 'currency' end], null)
from (values
    (1, 100, 99, '100 coins', 'coins_100'), (2, 500, 499, '500 coins', 'coins_500'), (3, 1000, 949, '1,000 coins', 'coins_1000'),
    (4, 2500, 2299, '2,500 coins', 'coins_2500'), (5, 5000, 4399, '5,000 coins', 'coins_5000'), (6, 10000, 8499, '10,000 coins', 'coins_10000')
) as shipped (id, coins, price_minor, title, product_id)
where package.id = shipped.id;
