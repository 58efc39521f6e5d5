-- One schema for SQLite and PostgreSQL: types that both know. Ids are UUIDs of version 7 as text, which sort by time
-- whatever the collation, for their hyphens are all in the same places.
create table records (
    id text not null primary key,
    kind text not null,
    lane text not null,
    -- Milliseconds since 1970 on the lane's clock.
    at bigint not null,
    -- Bytes of the record and of its message.
    weight bigint not null,
    -- The record in JSON, as the API shows it.
    doc text not null
);

create index records_by_lane on records (kind, lane, id);
create index records_by_kind on records (kind, id);
create index records_by_time on records (at);
create index records_by_weight on records (id, weight);

-- The bytes of messages, in parts: a whole one can be larger than a value may be. SQLite takes any word for a type and
-- keeps bytes as they are in it.
create table contents (
    id text not null references records (id) on delete cascade,
    part bigint not null,
    bytes bytea not null,
    primary key (id, part)
);
