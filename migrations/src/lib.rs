//! Migrations of Fairlead's database, and what must be there before the first one.

mod m20261121_000001_engine;
mod m20261121_000002_contacts;
mod m20261121_000003_append;
mod m20261121_000004_subscriptions;
mod m20261121_000005_inbox;
mod m20261121_000006_search;
mod m20261121_000007_history;
mod m20261121_000008_timeline;
mod m20261121_000009_verify;
mod m20261121_000010_policies;
mod m20261121_000011_places;
mod m20261121_000012_identity;
mod m20261121_000013_signing_keys;
mod m20261121_000014_reach;
mod m20261121_000015_audit;
mod m20261121_000016_purge;
mod m20261121_000017_export;
mod m20261121_000018_companies;
mod m20261121_000019_pipelines;
mod m20261121_000020_deals;
mod m20261121_000022_activities;
mod m20261121_000023_comments;
mod m20261121_000025_contact_records;
mod m20261121_000026_custom_fields;
mod m20261121_000027_contact_lists;
mod m20261121_000028_references;
mod m20261121_000030_rotting;
mod m20261122_000033_members;
mod prepare;

pub use prepare::{Login, PrepareError, connect_as_owner, prepare};
use sea_orm_migration::{MigrationTrait, async_trait};
pub use sea_orm_migration::{MigratorTrait, migrator::MigrationStatus, sea_orm::DatabaseConnection};

/// Declares a migration made of SQL files.
macro_rules! sql_migration {
    ($name:literal, up: [$($up:expr),+], down: $down:expr) => {
        pub(crate) struct Migration;

        impl sea_orm_migration::MigrationName for Migration {
            fn name(&self) -> &str {
                $name
            }
        }

        #[expect(elided_lifetimes_in_paths, reason = "async_trait must count the lifetimes that the trait's author wrote")]
        #[sea_orm_migration::async_trait::async_trait]
        impl sea_orm_migration::MigrationTrait for Migration {
            async fn up(&self, manager: &sea_orm_migration::SchemaManager) -> Result<(), sea_orm_migration::DbErr> {
                use sea_orm_migration::sea_orm::ConnectionTrait;
                $(manager.get_connection().execute_unprepared($up).await?;)+
                Ok(())
            }

            async fn down(&self, manager: &sea_orm_migration::SchemaManager) -> Result<(), sea_orm_migration::DbErr> {
                use sea_orm_migration::sea_orm::ConnectionTrait;
                manager.get_connection().execute_unprepared($down).await?;
                Ok(())
            }
        }
    };
}
use sql_migration;

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_engine::Migration),
            Box::new(m20261121_000002_contacts::Migration),
            Box::new(m20261121_000003_append::Migration),
            Box::new(m20261121_000004_subscriptions::Migration),
            Box::new(m20261121_000005_inbox::Migration),
            Box::new(m20261121_000006_search::Migration),
            Box::new(m20261121_000007_history::Migration),
            Box::new(m20261121_000008_timeline::Migration),
            Box::new(m20261121_000009_verify::Migration),
            Box::new(m20261121_000010_policies::Migration),
            Box::new(m20261121_000011_places::Migration),
            Box::new(m20261121_000012_identity::Migration),
            Box::new(m20261121_000013_signing_keys::Migration),
            Box::new(m20261121_000014_reach::Migration),
            Box::new(m20261121_000015_audit::Migration),
            Box::new(m20261121_000016_purge::Migration),
            Box::new(m20261121_000017_export::Migration),
            Box::new(m20261121_000018_companies::Migration),
            Box::new(m20261121_000019_pipelines::Migration),
            Box::new(m20261121_000020_deals::Migration),
            Box::new(m20261121_000022_activities::Migration),
            Box::new(m20261121_000023_comments::Migration),
            Box::new(m20261121_000025_contact_records::Migration),
            Box::new(m20261121_000026_custom_fields::Migration),
            Box::new(m20261121_000027_contact_lists::Migration),
            Box::new(m20261121_000028_references::Migration),
            Box::new(m20261121_000030_rotting::Migration),
            Box::new(m20261122_000033_members::Migration),
        ]
    }
}
