//! Pipelines as JSON.

use fairlead_application::{Recorded, envelope::rfc3339};
use fairlead_domain::{
    crm::{Pipeline, PipelineChange, PipelineProfile, Stage, StageChange},
    ids::StageId,
    values::{Description, Label, Percent},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    document::closed::True,
    problem::{Check, Problem},
    request::{List, Member, Object},
};

/// Stages in one request at most; a pipeline has no more.
const MAX_STAGES: usize = 50;
/// Reasons in one request at most; a pipeline lists no more of one kind.
const MAX_REASONS: usize = 50;

/// A pipeline that is to be begun.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "New business",
    "stages": [
        { "name": "Qualified", "probability": 20, "rotting_days": 14 },
        { "name": "Proposal", "probability": 50 }
    ],
    "win_reasons": ["Price"],
    "loss_reasons": ["No budget"]
}))]
pub(super) struct NewPipeline {
    /// What it is called; unique among the organization's pipelines, without regard to case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// The stages in their order.
    #[schema(value_type = Vec<NewStage>, min_items = 1, max_items = 50)]
    stages: List<Object<NewStage>, MAX_STAGES>,
    /// Why deals are won. Where there are none, any reason can be given.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 50)]
    win_reasons: List<String, MAX_REASONS>,
    /// Why deals are lost. Where there are some, each deal that is lost needs one of them.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false, max_items = 50)]
    loss_reasons: List<String, MAX_REASONS>,
}

/// A stage that is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Qualified", "probability": 20, "rotting_days": 14 }))]
pub(super) struct NewStage {
    /// What it is called; unique among the pipeline's stages, without regard to case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// How probable it is that a deal in this stage will be won, in percent.
    #[schema(minimum = 0, maximum = 100)]
    probability: i64,
    /// After how many days in this stage a deal is taken for neglected; without, never.
    #[schema(minimum = 0)]
    rotting_days: Option<u16>,
}

/// A stage that is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Negotiation", "probability": 80, "position": 1 }))]
pub(super) struct AddedStage {
    /// What it is called; unique among the pipeline's stages, without regard to case. By it the stage's id is found.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// How probable it is that a deal in this stage will be won, in percent.
    #[schema(minimum = 0, maximum = 100)]
    probability: i64,
    /// After how many days in this stage a deal is taken for neglected; without, never.
    #[schema(minimum = 0)]
    rotting_days: Option<u16>,
    /// Before which of the other stages it is to stand, counted from 0; without, behind all.
    #[schema(minimum = 0)]
    pub(super) position: Option<usize>,
}

/// A change of a pipeline: what is missing stays, what is null is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "New customers", "loss_reasons": ["No budget", "No decision"] }))]
pub(super) struct PipelinePatch {
    /// What it is called. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, nullable = false)]
    name: Member<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    description: Member<String>,
    /// Why deals are won, all reasons. Deals keep those that are left out.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    win_reasons: Member<List<String, MAX_REASONS>>,
    /// Why deals are lost, all reasons. Deals keep those that are left out.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 50)]
    loss_reasons: Member<List<String, MAX_REASONS>>,
}

/// A change of a stage: what is missing stays, what is null is removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "stage_id": "0192b1c8-6a3e-7000-8000-000000000011", "probability": 60, "rotting_days": null }))]
pub(super) struct StagePatch {
    /// Which stage.
    pub(super) stage_id: Uuid,
    /// What it is called. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, nullable = false)]
    name: Member<String>,
    /// How probable it is that a deal in this stage will be won, in percent. Can't be removed.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 100, nullable = false)]
    probability: Member<i64>,
    /// After how many days in this stage a deal is taken for neglected.
    #[serde(default)]
    #[schema(value_type = Option<u16>, minimum = 0)]
    rotting_days: Member<u16>,
}

/// An order of stages.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "stage_ids": ["0192b1c8-6a3e-7000-8000-000000000012", "0192b1c8-6a3e-7000-8000-000000000011"] }))]
pub(super) struct StageOrder {
    /// Every stage that is in use, once.
    #[schema(value_type = Vec<Uuid>, max_items = 50)]
    pub(super) stage_ids: List<Uuid, MAX_STAGES>,
}

/// Which stage is to be taken out of use.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "stage_id": "0192b1c8-6a3e-7000-8000-000000000011",
    "move_deals_to": "0192b1c8-6a3e-7000-8000-000000000012"
}))]
pub(super) struct Retirement {
    /// The stage.
    pub(super) stage_id: Uuid,
    /// The stage to which its deals go: another one of this pipeline, in use.
    pub(super) move_deals_to: Uuid,
}

/// A pipeline.
#[derive(Serialize, ToSchema)]
#[schema(as = Pipeline)]
pub(super) struct PipelineBody {
    id: Uuid,
    /// Grows with each change.
    #[schema(minimum = 1)]
    version: i64,
    name: String,
    #[schema(required)]
    description: Option<String>,
    /// Those in use, in their order.
    stages: Vec<StageBody>,
    /// Those out of use.
    retired_stages: Vec<RetiredBody>,
    win_reasons: Vec<String>,
    loss_reasons: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// There, and true, when it is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = True, required = false)]
    deleted: bool,
}

/// A stage of a pipeline.
#[derive(Serialize, ToSchema)]
#[schema(as = Stage)]
pub(super) struct StageBody {
    id: Uuid,
    name: String,
    /// In percent.
    #[schema(minimum = 0, maximum = 100)]
    probability: u8,
    #[schema(required, minimum = 0)]
    rotting_days: Option<u16>,
}

/// A stage that was taken out of use.
#[derive(Serialize, ToSchema)]
#[schema(as = RetiredStage)]
pub(super) struct RetiredBody {
    id: Uuid,
    name: String,
    /// The stage to which its deals went; it may have been retired since.
    move_deals_to: Uuid,
}

impl From<Stage> for StageBody {
    fn from(stage: Stage) -> Self {
        Self {
            id: stage.id.into(),
            name: stage.name.as_str().to_owned(),
            probability: stage.probability.get(),
            rotting_days: stage.rotting_days,
        }
    }
}

impl From<Recorded<Pipeline>> for PipelineBody {
    fn from(recorded: Recorded<Pipeline>) -> Self {
        let Pipeline { profile, retired, deleted } = recorded.state;
        let texts = |labels: Vec<Label>| labels.iter().map(|label| label.as_str().to_owned()).collect();
        let retired = retired.into_iter().map(|(id, stage)| RetiredBody {
            id: id.into(),
            name: stage.name.as_str().to_owned(),
            move_deals_to: stage.move_deals_to.into(),
        });
        Self {
            id: recorded.id,
            version: recorded.version,
            name: profile.name.as_str().to_owned(),
            description: profile.description.map(|description| description.as_str().to_owned()),
            stages: profile.stages.into_iter().map(StageBody::from).collect(),
            retired_stages: retired.collect(),
            win_reasons: texts(profile.win_reasons),
            loss_reasons: texts(profile.loss_reasons),
            created_at: rfc3339(recorded.created_at),
            updated_at: rfc3339(recorded.updated_at),
            deleted,
        }
    }
}

impl NewPipeline {
    /// The pipeline, with ids for its stages.
    pub(super) fn profile(self, fresh: impl Fn() -> StageId) -> Result<PipelineProfile, Problem> {
        let mut check = Check::default();
        let name = check.at("/name", Label::new(&self.name));
        let description = check.at("/description", self.description.map(|text| Description::new(&text)).transpose());
        let stages =
            self.stages.0.into_iter().enumerate().map(|(n, Object(NewStage { name, probability, rotting_days }))| {
                stage(&mut check, &format!("/stages/{n}"), &fresh, &name, probability, rotting_days)
            });
        let stages = stages.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>();
        let win_reasons = reasons(&mut check, "win_reasons", self.win_reasons);
        let loss_reasons = reasons(&mut check, "loss_reasons", self.loss_reasons);
        let profile = || {
            Some(PipelineProfile {
                name: name?,
                description: description?,
                stages: stages?,
                win_reasons: win_reasons?,
                loss_reasons: loss_reasons?,
            })
        };
        let profile = profile();
        check.finish(profile)
    }
}

impl AddedStage {
    /// The stage, with an id.
    pub(super) fn stage(self, fresh: impl Fn() -> StageId) -> Result<Stage, Problem> {
        let mut check = Check::default();
        let stage = stage(&mut check, "", &fresh, &self.name, self.probability, self.rotting_days);
        check.finish(stage)
    }
}

impl TryFrom<PipelinePatch> for PipelineChange {
    type Error = Problem;

    fn try_from(body: PipelinePatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = body.name.required(&mut check, "/name", |text| Label::new(&text));
        let description = body.description.optional(&mut check, "/description", |text| Description::new(&text));
        let win_reasons = listed(&mut check, "win_reasons", body.win_reasons);
        let loss_reasons = listed(&mut check, "loss_reasons", body.loss_reasons);
        let change = || {
            Some(Self {
                name: name?,
                description: description?,
                win_reasons: win_reasons?,
                loss_reasons: loss_reasons?,
            })
        };
        let change = change();
        check.finish(change)
    }
}

impl TryFrom<StagePatch> for StageChange {
    type Error = Problem;

    fn try_from(body: StagePatch) -> Result<Self, Problem> {
        let mut check = Check::default();
        let name = body.name.required(&mut check, "/name", |text| Label::new(&text));
        let probability = body.probability.required(&mut check, "/probability", Percent::new);
        let rotting_days = body.rotting_days.optional(&mut check, "/rotting_days", Ok);
        let change = || Some(Self { name: name?, probability: probability?, rotting_days: rotting_days? });
        let change = change();
        check.finish(change)
    }
}

fn stage(
    check: &mut Check,
    place: &str,
    fresh: &impl Fn() -> StageId,
    name: &str,
    probability: i64,
    rotting_days: Option<u16>,
) -> Option<Stage> {
    let name = check.at(format!("{place}/name"), Label::new(name));
    let probability = check.at(format!("{place}/probability"), Percent::new(probability));
    Some(Stage { id: fresh(), name: name?, probability: probability?, rotting_days })
}

/// Reasons, or a fault for each that is not acceptable.
fn reasons(check: &mut Check, name: &str, List(texts): List<String, MAX_REASONS>) -> Option<Vec<Label>> {
    let labels = texts.iter().enumerate().map(|(n, text)| check.at(format!("/{name}/{n}"), Label::new(text)));
    labels.collect::<Vec<_>>().into_iter().collect()
}

/// Reasons that a patch names; null stands for none.
fn listed(check: &mut Check, name: &str, member: Member<List<String, MAX_REASONS>>) -> Option<Option<Vec<Label>>> {
    match member {
        Member::Missing => Some(None),
        Member::Null => Some(Some(Vec::new())),
        Member::Value(texts) => reasons(check, name, texts).map(Some),
    }
}
