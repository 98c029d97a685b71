//! The known call sites of a layer, and those of a thread, which finds them again without a lock.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, RwLock};

use rustc_hash::{FxBuildHasher, FxHashMap};
use tracing::Metadata;
use tracing::callsite::Identifier;

use super::{Connected, LayerId};
use crate::encode::{SecretFree, Site};
use crate::outlet::Outlet;

/// The known call sites of a layer, each with its target; a call site of a bridge is used for many
/// targets.
#[derive(Debug, Default)]
pub(super) struct Sites {
    known: RwLock<HashMap<Identifier, SitesByTarget>>,
}

type SitesByTarget = HashMap<Box<str>, Arc<Site>>;

impl Sites {
    /// Returns the site of a call site, or of a target's records that come through a bridge, under
    /// the policy in force, or `None` if that policy cannot be read.
    pub(super) fn get(
        &self,
        metadata: &'static Metadata<'static>,
        target: &str,
        outlet: &Outlet,
    ) -> Option<Arc<Site>> {
        let callsite = metadata.callsite();
        let generation = outlet.policy.generation();
        if let Ok(known) = self.known.try_read()
            && let Some(site) = known.get(&callsite).and_then(|known| known.get(target))
            && site.generation() == generation
        {
            return Some(Arc::clone(site));
        }
        let policy = outlet.policy.get()?;
        let source = &outlet.source;
        let site = if !metadata.is_span() {
            Site::of_event(metadata, target, source, policy)
        } else if outlet.spans.are_timed() {
            Site::of_span(metadata, policy).with_closing(metadata, source)
        } else {
            Site::of_span(metadata, policy)
        };
        let site = Arc::new(site);
        // The lock is never waited for: in a forked child a thread that no longer exists may hold
        // it. A caller that finds it taken prepares the call site for itself. The number of targets
        // of a bridge may be unlimited, since they may be created at run time.
        if target.len() <= TARGET_BYTES_MAX
            && let Ok(mut known) = self.known.try_write()
        {
            let known = known.entry(callsite).or_default();
            if known.len() >= BRIDGED_SITES_MAX {
                known.clear();
            }
            known.insert(target.into(), Arc::clone(&site));
        }
        Some(site)
    }
}

/// The known call sites of a thread, by layer and the address of their metadata, which never moves.
#[derive(Debug)]
pub(super) struct KnownSites {
    known: FxHashMap<(LayerId, usize), KnownSite>,
}

/// A known call site of a thread.
#[derive(Debug)]
struct KnownSite {
    site: Arc<Site>,
    /// The last message from this call site.
    message: SecretFree,
}

impl KnownSites {
    /// Creates an empty list.
    pub(super) const fn new() -> Self {
        Self {
            known: FxHashMap::with_hasher(FxBuildHasher),
        }
    }

    /// Returns the site of a call site under the policy in force, and its last message.
    pub(super) fn find(
        &mut self,
        layer: &Connected<'_>,
        metadata: &'static Metadata<'static>,
    ) -> Option<(&Arc<Site>, &mut SecretFree)> {
        if self.known.len() > KNOWN_SITES_MAX {
            self.known.clear();
        }
        let key = (layer.id, std::ptr::from_ref(metadata).addr());
        let known = match self.known.entry(key) {
            Entry::Occupied(known) if known.get().site.generation() == layer.generation() => {
                known.into_mut()
            }
            entry @ (Entry::Occupied(_) | Entry::Vacant(_)) => {
                let message = SecretFree::new();
                let site = layer.site(metadata)?;
                entry.insert_entry(KnownSite { site, message }).into_mut()
            }
        };
        Some((&known.site, &mut known.message))
    }
}

/// The maximal number of targets for one call site of a bridge, of which there is one for each
/// level. If there are more, all are removed and prepared again as they come.
const BRIDGED_SITES_MAX: usize = 256;

/// The longest target that is kept. A longer one is cut in its line, and prepared for each record.
const TARGET_BYTES_MAX: usize = 256;

/// The maximal number of call sites that a thread keeps: each takes 48 bytes, and a message of up
/// to 128. If there are more, all are removed.
const KNOWN_SITES_MAX: usize = 4096;
