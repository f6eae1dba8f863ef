//! What texts say once their variables are filled: shown before anything is saved, and checked before a
//! campaign may send them.

use super::{Actor, CampaignError};
use crate::{
    db::{Txn, attributes, revisions, sites},
    service::{Fault, Service, check},
};
use domain::{
    campaign::{Campaign, Step},
    id::{RevisionId, SiteId},
    limits::SEGMENTS_MAX,
    refusal::Refusal,
    site::Site,
    template::{self, Extent, SITE_NAME, Template},
    text::{self, Frame, Measure},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// How a text would go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The text with sample values in place of variables, the site's prefix and footer included.
    pub text: String,
    /// How that is encoded and billed.
    pub measure: Measure,
    /// Billable segments with the longest values that subscribers of the site have.
    pub segments_max: u32,
    /// Variables that no subscriber of the site has a value for.
    pub unknown_variables: Vec<String>,
    /// What keeps it from being sent, in a sentence.
    pub problem: Option<String>,
}

/// The text of a step, and where it goes out from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StepText {
    /// The site that sends it.
    pub site_id: SiteId,
    /// The revision that it is part of.
    pub revision_id: RevisionId,
    /// The text, with its variables.
    pub body: String,
}

/// The text is left out: bodies never reach a log.
impl std::fmt::Debug for StepText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepText").field("revision_id", &self.revision_id).finish_non_exhaustive()
    }
}

/// What a text is filled with and framed by.
#[derive(Default)]
struct Surroundings {
    frame: Frame,
    site_name: Option<String>,
    extents: BTreeMap<String, Extent>,
}

impl Surroundings {
    fn extent(&self, name: &str) -> Option<Extent> {
        match (name, &self.site_name) {
            (SITE_NAME, Some(site_name)) => Some(Extent::of(site_name)),
            _ => self.extents.get(name).copied(),
        }
    }

    fn longest_segments(&self, template: &Template) -> u32 {
        template.longest_segments(&self.frame, |name| self.extent(name))
    }

    /// A value for every variable, so that there is always something to show.
    fn samples(&self, template: &Template) -> BTreeMap<String, String> {
        let sample = |name: &str| match (name, &self.site_name) {
            (SITE_NAME, Some(site_name)) => site_name.clone(),
            _ => template::sample(name),
        };
        let names = template.variables().into_iter().map(|variable| variable.name);
        names.map(|name| (name.to_owned(), sample(name))).collect()
    }

    fn preview(&self, body: &str) -> Preview {
        let problem = check::body_problem(body).map(|(_, message)| message);
        let Ok(template) = Template::parse(body) else {
            // What is not understood is shown as it is.
            let text = self.frame.compose(body);
            let measure = text::measure(&text);
            let segments_max = measure.segments;
            return Preview { text, measure, segments_max, unknown_variables: Vec::new(), problem };
        };
        let samples = self.samples(&template);
        let text = template.render(|name| samples.get(name).map(String::as_str));
        let text = self.frame.compose(text.as_deref().unwrap_or(body));
        let measure = text::measure(&text);
        let segments_max = self.longest_segments(&template).max(measure.segments);
        let is_unknown = |name: &&str| *name != SITE_NAME && self.extent(name).is_none();
        let names = template.variables().into_iter().map(|variable| variable.name);
        let problem = problem.or_else(|| too_long("The text", segments_max));
        Preview {
            text,
            measure,
            segments_max,
            unknown_variables: names.filter(is_unknown).map(str::to_owned).collect(),
            problem,
        }
    }
}

/// What is said of a text that takes too many segments.
fn too_long(what: &str, segments: u32) -> Option<String> {
    (segments > SEGMENTS_MAX).then(|| {
        format!(
            "{what} takes up to {segments} segments with the longest values of its variables, and at \
             most {SEGMENTS_MAX} can be sent."
        )
    })
}

impl Service {
    /// How `body` would go out, with nothing saved: for the site named, or the only one the caller
    /// reaches. Without a site there is nothing around it and nobody to fill its variables. None when
    /// there is no such site.
    pub async fn message_preview(
        &self,
        actor: &Actor,
        site_id: Option<SiteId>,
        body: &str,
    ) -> Result<Option<Preview>, Fault> {
        let Some(reached) = actor.site(site_id) else {
            return Ok(site_id.is_none().then(|| Surroundings::default().preview(body)));
        };
        let Some(site) = sites::find(self.db.read(), reached).await? else { return Ok(None) };
        let frame = site.frame.clone();
        Ok(Some(self.preview(&site, frame, body).await?))
    }

    /// How a step goes out, within what was frozen around it, or what its site puts around texts now.
    pub async fn step_preview(
        &self,
        campaign: &Campaign,
        site: &Site,
        step: &Step,
    ) -> Result<Preview, Fault> {
        let frozen = revisions::frozen_frame(self.db.read(), campaign.revision_id).await?;
        let frame = frozen.unwrap_or_else(|| site.frame.clone());
        self.preview(site, frame, &step.body).await
    }

    /// How texts of the caller's campaigns go out, each within what was frozen around it, or what its site puts
    /// around texts now. Texts of other sites are left out.
    pub async fn step_previews(
        &self,
        actor: &Actor,
        asked: &[StepText],
    ) -> Result<HashMap<StepText, Preview>, Fault> {
        let db = self.db.read();
        let ids: HashSet<SiteId> = asked.iter().map(|text| text.site_id).collect();
        let ids = actor.reached(&ids.into_iter().collect::<Vec<_>>());
        let found = sites::find_many(db, &ids).await?;
        let found: HashMap<SiteId, Site> = found.into_iter().map(|site| (site.id, site)).collect();
        let revisions: Vec<RevisionId> = asked.iter().map(|text| text.revision_id).collect();
        let frames = revisions::frozen_frames(db, actor.sites(), &revisions).await?;
        let templates: Vec<Template> =
            asked.iter().filter_map(|text| Template::parse(&text.body).ok()).collect();
        let names: BTreeSet<&str> = templates.iter().flat_map(names).collect();
        let extents = attributes::extents_of(db, &ids, &names).await?;
        let preview = |text: &StepText| {
            let site = found.get(&text.site_id)?;
            let frame = frames.get(&text.revision_id).unwrap_or(&site.frame).clone();
            let extents = extents.get(&site.id).cloned().unwrap_or_default();
            let site_name = Some(site.name.clone());
            let preview = Surroundings { frame, site_name, extents }.preview(&text.body);
            Some((text.clone(), preview))
        };
        Ok(asked.iter().filter_map(preview).collect())
    }

    async fn preview(&self, site: &Site, frame: Frame, body: &str) -> Result<Preview, Fault> {
        let template = Template::parse(body).ok();
        let extents = match &template {
            Some(template) => {
                attributes::extents(self.db.read(), site.id, &names(template)).await?
            }
            None => BTreeMap::new(),
        };
        let site_name = Some(site.name.clone());
        Ok(Surroundings { frame, site_name, extents }.preview(body))
    }

    /// What keeps the texts of a campaign from being sent to whoever its site has.
    pub(super) async fn content_problems(
        &self,
        txn: &Txn,
        steps: &[Step],
        site: &Site,
    ) -> Result<Vec<Refusal<CampaignError>>, Fault> {
        let mut problems = Vec::new();
        for step in steps {
            let what = format!("The text of message {}", step.position.saturating_add(1));
            let problem = match Template::parse(&step.body) {
                Ok(template) => {
                    let extents = attributes::extents(txn, site.id, &names(&template)).await?;
                    let site_name = Some(site.name.clone());
                    let around = Surroundings { frame: site.frame.clone(), site_name, extents };
                    too_long(&what, around.longest_segments(&template))
                }
                Err(problem) => Some(format!("{what} cannot be understood: {problem}")),
            };
            problems.extend(
                problem.map(|message| Refusal::at(CampaignError::ContentInvalid, "id", message)),
            );
        }
        Ok(problems)
    }
}

fn names(template: &Template) -> Vec<&str> {
    template.variables().into_iter().map(|variable| variable.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Surroundings {
        Surroundings {
            frame: Frame {
                prefix: Some("Acme".to_owned()),
                footer: Some("Reply STOP to opt out".to_owned()),
            },
            site_name: Some("Acme Ltd".to_owned()),
            extents: [("first_name".to_owned(), Extent::of("Maximiliana"))].into(),
        }
    }

    #[test]
    fn a_preview_is_what_goes_out() {
        let body = "Hi {{ first_name | there }}, {{ nick | }} from {{ site_name }}’s";
        let preview = shop().preview(body);
        let text = "Acme: Hi Alex, nick from Acme Ltd’s\nReply STOP to opt out";
        assert_eq!(preview.text, text);
        assert_eq!(preview.unknown_variables, ["nick"]);
        assert_eq!(preview.problem, None);
        let offending = preview.measure.offending.unwrap();
        assert_eq!((offending.position, offending.character), (33, '’'));
        assert_eq!((preview.measure.segments, preview.segments_max), (1, 1));
        assert_eq!(preview.measure.remaining, 70 - 57);
    }

    #[test]
    fn the_longest_values_are_counted_too() {
        let body = format!("{}{{{{ first_name }}}}", "a".repeat(124));
        let preview = shop().preview(&body);
        assert_eq!((preview.measure.segments, preview.segments_max), (1, 2));
        let body = format!("{}{{{{ first_name }}}}", "a".repeat(1_492));
        let preview = shop().preview(&body);
        assert_eq!((preview.measure.segments, preview.segments_max), (10, 11));
        let problem = preview.problem.unwrap();
        assert!(problem.contains("11 segments"), "{problem}");
    }

    #[test]
    fn what_is_not_understood_is_shown_as_it_is() {
        let preview = Surroundings::default().preview("Hi {{ Name }}");
        assert_eq!(preview.text, "Hi {{ Name }}");
        assert!(preview.problem.unwrap().starts_with("`Name` is not the name"));
        let bare = Surroundings::default().preview("Hi {{ name }}, {{ site_name }}");
        assert_eq!(bare.text, "Hi Alex Morgan, site name");
        assert_eq!(bare.unknown_variables, ["name"]);
    }
}
