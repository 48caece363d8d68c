drop table @context.specimens;
