//! The call sites that a layer has met, and those that a thread has met, which finds them again without
//! asking anybody.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use tracing::Metadata;
use tracing::callsite::Identifier;

use super::{LayerId, RecordLayer};
use crate::encode::{Clean, Site};
use crate::outlet::Outlet;
use crate::policy::Generation;

/// The call sites that a layer has met.
#[derive(Debug, Default)]
pub(super) struct Sites(RwLock<HashMap<Identifier, Arc<Site>>>);

impl Sites {
    /// Returns what is prepared for a call site under the policy in force, unless that cannot be learned.
    pub(super) fn get(
        &self,
        metadata: &'static Metadata<'static>,
        outlet: &Outlet,
    ) -> Option<Arc<Site>> {
        let callsite = metadata.callsite();
        let generation = outlet.policy().generation();
        if let Ok(known) = self.0.try_read()
            && let Some(site) = known.get(&callsite)
            && site.generation() == generation
        {
            return Some(Arc::clone(site));
        }
        let policy = outlet.policy().get()?;
        let site = Arc::new(if metadata.is_span() {
            Site::of_span(metadata, policy)
        } else {
            Site::of_event(metadata, outlet.source(), policy)
        });
        // Never waited for: in a forked child a thread that is no more may hold it. Who finds it taken
        // prepares the call site for itself.
        if let Ok(mut known) = self.0.try_write() {
            known.insert(callsite, Arc::clone(&site));
        }
        Some(site)
    }
}

/// The call sites that a thread has met.
#[derive(Debug)]
pub(super) struct KnownSites(Vec<Option<KnownSite>>);

/// A call site that a thread has met.
#[derive(Debug)]
struct KnownSite {
    layer: LayerId,
    callsite: Identifier,
    site: Arc<Site>,
    /// The last message from there.
    message: Clean,
}

impl KnownSites {
    /// Returns none.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns what was prepared for a call site under the policy in force, and its last message. Its place follows from the
    /// address of its metadata, which never moves; two that share a place take turns.
    pub(super) fn find(
        &mut self,
        layer: &RecordLayer,
        metadata: &'static Metadata<'static>,
    ) -> Option<(&Arc<Site>, &mut Clean)> {
        if self.0.is_empty() {
            self.0.resize_with(KNOWN_SITES, || None);
        }
        let callsite = metadata.callsite();
        let generation = layer.generation();
        // Metadata is aligned to 8 bytes.
        let place = (std::ptr::from_ref(metadata).addr() >> 3) % KNOWN_SITES;
        let place = self.0.get_mut(place)?;
        if !matches!(place, Some(known) if known.is(layer.id, &callsite, generation)) {
            *place = Some(KnownSite {
                layer: layer.id,
                callsite,
                site: layer.site(metadata)?,
                message: Clean::new(),
            });
        }
        place
            .as_mut()
            .map(|known| (&known.site, &mut known.message))
    }
}

impl KnownSite {
    fn is(&self, layer: LayerId, callsite: &Identifier, generation: Generation) -> bool {
        self.layer == layer && self.callsite == *callsite && self.site.generation() == generation
    }
}

/// How many call sites a thread remembers: 128 × (56 + 128) bytes = 23 KiB at most.
const KNOWN_SITES: usize = 128;
