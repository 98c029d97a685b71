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

/// The call sites that a thread has met. The place of one follows from the address of its metadata, which never
/// moves; where two share a place the table doubles, up to a size at which they take turns.
#[derive(Debug)]
pub(super) struct KnownSites(Vec<Option<KnownSite>>);

/// A call site that a thread has met.
#[derive(Debug)]
struct KnownSite {
    layer: LayerId,
    metadata: &'static Metadata<'static>,
    site: Arc<Site>,
    /// The last message from there.
    message: Clean,
}

impl KnownSites {
    /// Returns none.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns what was prepared for a call site under the policy in force, and its last message.
    pub(super) fn find(
        &mut self,
        layer: &RecordLayer,
        metadata: &'static Metadata<'static>,
    ) -> Option<(&Arc<Site>, &mut Clean)> {
        let generation = layer.generation();
        let is_known = self
            .place(metadata)
            .and_then(|place| place.as_ref())
            .is_some_and(|known| known.is(layer.id, metadata, generation));
        if !is_known {
            self.learn(layer, metadata)?;
        }
        let known = self.place(metadata)?.as_mut()?;
        Some((&known.site, &mut known.message))
    }

    fn learn(&mut self, layer: &RecordLayer, metadata: &'static Metadata<'static>) -> Option<()> {
        let site = layer.site(metadata)?;
        let is_taken = |place: Option<&mut Option<KnownSite>>| match place {
            Some(Some(known)) => !std::ptr::eq(known.metadata, metadata),
            Some(None) => false,
            None => true,
        };
        while self.0.len() < KNOWN_SITES_MAX && is_taken(self.place(metadata)) {
            self.grow();
        }
        *self.place(metadata)? = Some(KnownSite {
            layer: layer.id,
            metadata,
            site,
            message: Clean::new(),
        });
        Some(())
    }

    fn grow(&mut self) {
        let places = (self.0.len() * 2).max(KNOWN_SITES_LEAST);
        let before = std::mem::take(&mut self.0);
        self.0.resize_with(places, || None);
        for known in before.into_iter().flatten() {
            if let Some(place) = self.place(known.metadata) {
                *place = Some(known);
            }
        }
    }

    fn place(&mut self, metadata: &'static Metadata<'static>) -> Option<&mut Option<KnownSite>> {
        // Metadata is aligned to 8 bytes.
        let address = std::ptr::from_ref(metadata).addr() >> 3;
        // Their number is a power of two; where there is none yet, there is no place.
        let place = address & self.0.len().wrapping_sub(1);
        self.0.get_mut(place)
    }
}

impl KnownSite {
    fn is(
        &self,
        layer: LayerId,
        metadata: &'static Metadata<'static>,
        generation: Generation,
    ) -> bool {
        self.layer == layer
            && std::ptr::eq(self.metadata, metadata)
            && self.site.generation() == generation
    }
}

/// How many call sites a thread remembers at first: 128 × 48 bytes = 6 KiB.
const KNOWN_SITES_LEAST: usize = 128;

/// How many places a thread has for call sites at most: 8192 × 48 bytes = 384 KiB, and as many messages of up
/// to 128 bytes, in a thread that has met thousands of call sites.
const KNOWN_SITES_MAX: usize = 8192;
