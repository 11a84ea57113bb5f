create table broken.made (id integer);

-- Line 6 names a missing column.
insert into broken.made
select id,
       no_such_column
from broken.items;
