//! Who is on contact lists.

use std::collections::BTreeSet;

use fairlead_domain::crm::{ContactList, ContactListCommand, ContactListProfile};
use fairlead_domain::values::Label;
use uuid::Uuid;

use super::{Stage, all, fresh};

impl Stage {
    async fn list(&self, members: &[Uuid]) -> Uuid {
        let (id, name) = (fresh(), Label::new(&fresh().to_string()).unwrap());
        let profile = ContactListProfile { name, description: None, owner_id: None, project_id: None };
        self.execute::<ContactList>(id, ContactListCommand::Create(profile)).await;
        self.add(id, members).await;
        id
    }

    async fn add(&self, list: Uuid, members: &[Uuid]) {
        let add = ContactListCommand::AddMembers { contact_ids: all(members), seen: all(members) };
        self.execute::<ContactList>(list, add).await;
    }

    async fn members(&self, list: Uuid) -> BTreeSet<Uuid> {
        let sql = "select target_id from engine.record_references where stream_id = $1";
        let rows = self.admin.query(sql, &[&list]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The types of what happened to the list, in order.
    async fn history(&self, list: Uuid) -> Vec<String> {
        let sql = "select type from engine.events where stream_id = $1 order by version";
        let rows = self.admin.query(sql, &[&list]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

#[tokio::test]
async fn a_merged_contact_gives_its_place_to_the_winner() {
    let stage = Stage::new().await;
    let [ana, bo, cy] = [stage.contact("Ana").await, stage.contact("Bo").await, stage.contact("Cy").await];
    let (one, both, bystander) =
        (stage.list(&[bo, cy]).await, stage.list(&[ana, bo]).await, stage.list(&[ana, cy]).await);
    let (left, deleted) = (stage.list(&[bo, cy]).await, stage.list(&[bo]).await);
    stage.execute::<ContactList>(left, ContactListCommand::RemoveMembers(all(&[bo]))).await;
    stage.execute::<ContactList>(deleted, ContactListCommand::Delete).await;
    stage.merge_contacts(ana, bo).await;
    stage.settled().await;
    let known = async |list| stage.members(list).await;
    assert_eq!((known(one).await, known(both).await), ([ana, cy].into(), [ana].into()));
    assert_eq!((known(left).await, known(deleted).await), ([cy].into(), [ana].into()));
    assert_eq!(stage.history(bystander).await, ["contact_list.created", "contact_list.members_added"]);
}

#[tokio::test]
async fn who_is_put_on_a_list_in_the_moment_of_a_merge_is_mended() {
    let mut stage = Stage::new().await;
    let [ana, bo, cy] = [stage.contact("Ana").await, stage.contact("Bo").await, stage.contact("Cy").await];
    let (before, after) = (stage.list(&[bo]).await, stage.list(&[]).await);
    for settled_before in [false, true] {
        stage.rest().await;
        if settled_before {
            // What whoever adds saw was before both merges, which are handled.
            stage.add(after, &[bo, ana]).await;
        } else {
            stage.merge_contacts(ana, bo).await;
            stage.merge_contacts(cy, ana).await;
            stage.add(before, &[ana]).await;
        }
        stage.work().await;
        stage.settled().await;
        assert_eq!(stage.members(before).await, [cy].into());
    }
    assert_eq!(stage.members(after).await, [cy].into());
}

/// A list does not know who is on it, and yet nobody who was taken off comes back under another name.
#[tokio::test]
async fn who_is_taken_off_in_the_moment_of_a_merge_stays_off() {
    let stage = Stage::new().await;
    let [ana, bo] = [stage.contact("Ana").await, stage.contact("Bo").await];
    let mut lists = Vec::new();
    for _ in 0..30 {
        lists.push(stage.list(&[bo]).await);
    }
    stage.merge_contacts(ana, bo).await;
    for list in &lists {
        stage.execute::<ContactList>(*list, ContactListCommand::RemoveMembers(all(&[bo]))).await;
    }
    stage.settled().await;
    for list in lists {
        let history = stage.history(list).await;
        let replaced = history.iter().any(|event| event == "contact_list.member_replaced");
        assert_eq!(stage.members(list).await, if replaced { [ana].into() } else { [].into() }, "{history:?}");
        assert_eq!(history.last().unwrap(), "contact_list.members_removed", "{history:?}");
    }
}
