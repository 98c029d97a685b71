//! What a tree knows of each machine: its logs, its imports, and what is wrong with them. It is
//! read from the facts that imports left, and not from the records, so a thousand machines take a
//! moment. `status`, `doctor` and `explain` show it.

use std::collections::BTreeMap;

use localtel::Result;
use localtel::read::Timestamp;
use localtel_bundle::host::HostName;
use localtel_bundle::manifest::SegmentState;
use localtel_bundle::tree::{HostImport, ImportedLog, TreeFinding, TreeHost, TreeLog};

use super::super::selection::TreeLogs;
use super::gaps::{SegmentGap, gaps_of};

/// What is known of a machine.
#[derive(Debug)]
pub(super) struct HostState {
    pub(super) host: String,
    /// Those of its logs that are selected.
    pub(super) logs: Vec<LogState>,
    /// Its last imports, in order of the times of their exports.
    pub(super) imports: Vec<HostImport>,
    /// By how much its clock was ahead at least, as the newest bundle shows that came from the
    /// future.
    pub(super) clock_ahead_micros: Option<u64>,
    /// What could not be read of it.
    pub(super) problems: Vec<String>,
}

/// What is known of a log.
#[derive(Debug)]
pub(super) struct LogState {
    pub(super) log: TreeLog,
    /// The facts that imports left; `None` if they are lost.
    pub(super) imported: Option<ImportedLog>,
    pub(super) gaps: Vec<SegmentGap>,
    /// Versions of segments that contradict those in the tree.
    pub(super) conflicts: Vec<TreeFinding>,
}

impl HostState {
    /// Reads what is known of the machines of a tree, in order. Only those with a selected log are
    /// returned.
    pub(super) fn all(tree: &TreeLogs) -> Result<Vec<Self>> {
        let mut logs: BTreeMap<&HostName, Vec<&TreeLog>> = BTreeMap::new();
        for log in &tree.list {
            logs.entry(&log.host).or_default().push(log);
        }
        let (mut states, mut errors) = (Vec::new(), Vec::new());
        for host in tree.tree.hosts()? {
            match host {
                Ok(host) => {
                    let own = logs.remove(&host.host);
                    states.extend(own.map(|own| Self::of(&host.host, &own).with(&host)));
                }
                Err(error) => errors.push(error.chain()),
            }
        }
        // The facts about these cannot be read.
        states.extend(logs.into_iter().map(|(host, own)| {
            let mut state = Self::of(host, &own);
            state.problems.extend(errors.iter().cloned());
            state
        }));
        states.sort_by(|one, other| one.host.cmp(&other.host));
        Ok(states)
    }

    /// Returns what is known of a machine from its logs.
    fn of(host: &HostName, logs: &[&TreeLog]) -> Self {
        let mut problems = Vec::new();
        let logs = logs.iter().map(|log| LogState::of(log, &mut problems));
        Self {
            host: host.to_string(),
            logs: logs.collect(),
            imports: Vec::new(),
            clock_ahead_micros: None,
            problems,
        }
    }

    /// Adds what is known of its imports.
    fn with(self, host: &TreeHost) -> Self {
        Self {
            imports: host.imports.clone(),
            clock_ahead_micros: host.clock_ahead_micros(),
            ..self
        }
    }

    /// Returns the time of the last record, by the clock of the machine.
    pub(super) fn last_record(&self) -> Option<Timestamp> {
        let each = self
            .logs
            .iter()
            .filter_map(|log| log.imported.as_ref()?.last);
        each.max()
    }

    /// Returns the time of the last import, by the clock of this machine.
    pub(super) fn last_import(&self) -> Option<Timestamp> {
        self.imports.iter().map(|import| import.imported).max()
    }

    /// Returns the newest bundle.
    pub(super) fn newest(&self) -> Option<&HostImport> {
        self.imports.last()
    }

    /// Returns the number of bytes of its segments, decompressed.
    pub(super) fn bytes(&self) -> u64 {
        self.logs.iter().map(LogState::bytes).sum()
    }

    /// Returns the number of runs of missing segments.
    pub(super) fn gaps(&self) -> usize {
        self.logs.iter().map(|log| log.gaps.len()).sum()
    }

    /// Returns the number of versions of segments that contradict others.
    pub(super) fn conflicts(&self) -> usize {
        self.logs.iter().map(|log| log.conflicts.len()).sum()
    }

    /// Returns the most seconds by which its clock can have been behind, as the imports show whose
    /// bundles are older; `None` if one came from the future. A bundle may have been carried
    /// around for any time, so this is only a bound.
    pub(super) fn clock_behind_seconds_max(&self) -> Option<u64> {
        let behind = self.imports.iter().map(|import| {
            let micros = import.imported.unix_micros() - import.created.unix_micros();
            u64::try_from(micros).ok().map(|micros| micros / 1_000_000)
        });
        behind.collect::<Option<Vec<u64>>>()?.into_iter().min()
    }

    /// Returns the seconds by which its clock was ahead at least, if a bundle shows that.
    pub(super) fn clock_ahead_seconds_min(&self) -> Option<u64> {
        Some(self.clock_ahead_micros? / 1_000_000)
    }

    /// Returns `true` if it had recorded nothing in the day before its newest export. Both times
    /// are of its own clock.
    pub(super) fn is_silent(&self) -> bool {
        match (self.newest(), self.last_record()) {
            (Some(newest), Some(last)) => {
                newest
                    .created
                    .unix_micros()
                    .saturating_sub(last.unix_micros())
                    > SILENT_MICROS
            }
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// Returns `true` if there is something to do about it.
    pub(super) fn has_findings(&self) -> bool {
        let are_facts_lost = self.logs.iter().any(|log| log.imported.is_none());
        self.gaps() > 0
            || self.conflicts() > 0
            || self.clock_ahead_micros.is_some()
            || !self.problems.is_empty()
            || are_facts_lost
    }
}

/// The time without a record before an export from which a machine counts as silent: a day.
const SILENT_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

impl LogState {
    fn of(log: &TreeLog, problems: &mut Vec<String>) -> Self {
        let mut readable = |error: localtel::Error| problems.push(error.chain());
        let imported = log.imported().map_err(&mut readable).unwrap_or_default();
        let conflicts = log.findings().map_err(&mut readable).unwrap_or_default();
        Self {
            log: log.clone(),
            gaps: imported.as_ref().map(gaps_of).unwrap_or_default(),
            imported,
            conflicts,
        }
    }

    /// Returns the number of bytes of its segments, decompressed.
    pub(super) fn bytes(&self) -> u64 {
        let imported = self.imported.iter();
        let segments = imported.flat_map(|imported| imported.segments.values());
        segments.map(|segment| segment.plain_bytes).sum()
    }

    /// Returns the number of its segments, and of those that have only some of their lines.
    pub(super) fn segments(&self) -> (usize, usize) {
        let segments = self.imported.as_ref().map(|imported| &imported.segments);
        let Some(segments) = segments else {
            return (0, 0);
        };
        let derived = segments
            .values()
            .filter(|segment| segment.state == SegmentState::Derived);
        (segments.len(), derived.count())
    }

    /// Returns the application and, where it is not the default one, the profile.
    pub(super) fn recorder(&self) -> String {
        if self.log.profile.is_default() {
            self.log.application.to_string()
        } else {
            format!("{}/{}", self.log.application, self.log.profile)
        }
    }
}
