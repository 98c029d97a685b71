//! The call sites that a layer has met, and those that a thread has met, which finds them again without
//! asking anybody.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use tracing::Metadata;
use tracing::callsite::Identifier;

use super::{Connected, LayerId};
use crate::encode::{SecretFree, Site};
use crate::outlet::Outlet;
use crate::policy::Generation;

/// The call sites that a layer has met.
#[derive(Debug, Default)]
pub(super) struct Sites {
    known: RwLock<HashMap<Identifier, Arc<Site>>>,
    /// By call site and target, those of another logging crate that stand behind one call site.
    bridged: RwLock<HashMap<Identifier, SitesByTarget>>,
}

type SitesByTarget = HashMap<Box<str>, Arc<Site>>;

impl Sites {
    /// Returns what is prepared for a call site under the policy in force, unless that cannot be learned.
    pub(super) fn get(
        &self,
        metadata: &'static Metadata<'static>,
        outlet: &Outlet,
    ) -> Option<Arc<Site>> {
        let callsite = metadata.callsite();
        let generation = outlet.policy().generation();
        if let Ok(known) = self.known.try_read()
            && let Some(site) = known.get(&callsite)
            && site.generation() == generation
        {
            return Some(Arc::clone(site));
        }
        let policy = outlet.policy().get()?;
        let site = Arc::new(if metadata.is_span() {
            Site::of_span(metadata, policy)
        } else {
            Site::of_event(metadata, metadata.target(), outlet.source(), policy)
        });
        // Never waited for: in a forked child a thread that is no more may hold it. Who finds it taken
        // prepares the call site for itself.
        if let Ok(mut known) = self.known.try_write() {
            known.insert(callsite, Arc::clone(&site));
        }
        Some(site)
    }

    /// Returns what is prepared for the records of a target that come over a bridge.
    pub(super) fn get_bridged(
        &self,
        metadata: &'static Metadata<'static>,
        target: &str,
        outlet: &Outlet,
    ) -> Option<Arc<Site>> {
        let callsite = metadata.callsite();
        let generation = outlet.policy().generation();
        if let Ok(bridged) = self.bridged.try_read()
            && let Some(site) = bridged.get(&callsite).and_then(|known| known.get(target))
            && site.generation() == generation
        {
            return Some(Arc::clone(site));
        }
        let policy = outlet.policy().get()?;
        let site = Arc::new(Site::of_event(metadata, target, outlet.source(), policy));
        // As above. Targets may be made up at run time, without end.
        if target.len() <= TARGET_BYTES_MAX
            && let Ok(mut bridged) = self.bridged.try_write()
        {
            let known = bridged.entry(callsite).or_default();
            if known.len() >= BRIDGED_SITES_MAX {
                known.clear();
            }
            known.insert(target.into(), Arc::clone(&site));
        }
        Some(site)
    }
}

/// The call sites that a thread has met. Where one is looked for follows from the address of its metadata, which
/// never moves. The table doubles when it is half full, up to a size at which call sites take turns.
#[derive(Debug)]
pub(super) struct KnownSites {
    places: Vec<Option<KnownSite>>,
    taken: usize,
}

/// A call site that a thread has met.
#[derive(Debug)]
struct KnownSite {
    layer: LayerId,
    metadata: &'static Metadata<'static>,
    site: Arc<Site>,
    /// The last message from there.
    message: SecretFree,
}

impl KnownSites {
    /// Returns none.
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            taken: 0,
        }
    }

    /// Returns what was prepared for a call site under the policy in force, and its last message.
    pub(super) fn find(
        &mut self,
        layer: &Connected<'_>,
        metadata: &'static Metadata<'static>,
    ) -> Option<(&Arc<Site>, &mut SecretFree)> {
        let generation = layer.generation();
        let is_it = |known: &KnownSite| known.is(layer.id, metadata, generation);
        let found = self
            .probes(metadata)
            .find(|at| self.at(*at).is_some_and(is_it));
        let at = match found {
            Some(at) => at,
            None => self.learn(layer, metadata)?,
        };
        let known = self.places.get_mut(at)?.as_mut()?;
        Some((&known.site, &mut known.message))
    }

    /// Takes a call site in, and returns its place.
    fn learn(
        &mut self,
        layer: &Connected<'_>,
        metadata: &'static Metadata<'static>,
    ) -> Option<usize> {
        let site = layer.site(metadata)?;
        if self.taken * 2 >= self.places.len() && self.places.len() < KNOWN_SITES_MAX {
            self.grow();
        }
        self.put(KnownSite {
            layer: layer.id,
            metadata,
            site,
            message: SecretFree::new(),
        })
    }

    fn grow(&mut self) {
        let places = (self.places.len() * 2).max(KNOWN_SITES_LEAST);
        let before = std::mem::take(&mut self.places);
        self.places.resize_with(places, || None);
        self.taken = 0;
        for known in before.into_iter().flatten() {
            let _place = self.put(known);
        }
    }

    /// Puts a call site where it was under another policy, or else where there is room, or else in the place of
    /// another one.
    fn put(&mut self, known: KnownSite) -> Option<usize> {
        let metadata = known.metadata;
        let was = |at: &usize| {
            let own = |other: &KnownSite| other.is_of(known.layer, metadata);
            self.at(*at).is_some_and(own)
        };
        let at = self
            .probes(metadata)
            .find(was)
            .or_else(|| self.probes(metadata).find(|at| self.at(*at).is_none()))
            .or_else(|| self.probes(metadata).next())?;
        let place = self.places.get_mut(at)?;
        self.taken += usize::from(place.is_none());
        *place = Some(known);
        Some(at)
    }

    fn at(&self, at: usize) -> Option<&KnownSite> {
        self.places.get(at).and_then(Option::as_ref)
    }

    /// The places where a call site is looked for, one after the other.
    fn probes(&self, metadata: &'static Metadata<'static>) -> impl Iterator<Item = usize> + use<> {
        let address = std::ptr::from_ref(metadata).addr() as u64;
        // Their number is a power of two; where there is none yet, nothing is found.
        let mask = self.places.len().wrapping_sub(1);
        let mixed = address.wrapping_mul(MIXER) >> (u64::BITS / 2);
        let first = usize::try_from(mixed).unwrap_or(0);
        (first..first + PROBES).map(move |at| at & mask)
    }
}

impl KnownSite {
    fn is_of(&self, layer: LayerId, metadata: &'static Metadata<'static>) -> bool {
        self.layer == layer && std::ptr::eq(self.metadata, metadata)
    }

    fn is(
        &self,
        layer: LayerId,
        metadata: &'static Metadata<'static>,
        generation: Generation,
    ) -> bool {
        self.is_of(layer, metadata) && self.site.generation() == generation
    }
}

/// How many targets are kept for one call site of a bridge, of which there is one for each level. When there are
/// more, all are prepared anew as they come.
const BRIDGED_SITES_MAX: usize = 256;

/// How long a target is that is kept. A longer one is cut in its line, and prepared for each record.
const TARGET_BYTES_MAX: usize = 256;

/// How many call sites a thread has places for at first: 128 × 48 bytes = 6 KiB.
const KNOWN_SITES_LEAST: usize = 128;

/// How many places a thread has for call sites at most: 8192 × 48 bytes = 384 KiB, in one that has met 2,000 of
/// them, and as many messages of up to 128 bytes.
const KNOWN_SITES_MAX: usize = 8192;

/// In how many places a call site is looked for. With a table that is at most half full it is nearly always in
/// the first or second.
const PROBES: usize = 4;

/// The golden ratio in 64 bits, as in Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4).
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;
