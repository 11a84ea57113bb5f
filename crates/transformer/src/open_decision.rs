//! Decides what a manual request for a run does, from the earlier runs of the period.

use protocol::RunState;

/// A run of the period.
#[derive(Clone, Debug)]
pub(crate) struct EarlierRun {
    pub(crate) run_id: i64,
    pub(crate) attempt: Option<i32>,
    pub(crate) state: RunState,
    /// It failed with `RunIncomplete`.
    pub(crate) is_incomplete: bool,
    /// The execution that asks has opened or claimed it.
    pub(crate) is_ours: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OpenDecision {
    /// Run this run, which is ready.
    Existing(i64),
    /// Run this run, which was waiting for datasets.
    StartWaiting(i64),
    /// Run a new attempt.
    NewAttempt,
    /// Run nothing, because of this run.
    Skip(i64, &'static str),
    /// Run nothing: datasets are missing.
    Incomplete,
}

/// `history` is in the order in which the runs were made.
pub(crate) fn decide(history: &[EarlierRun], is_complete: bool, force: bool) -> OpenDecision {
    let newest = |is: &dyn Fn(&EarlierRun) -> bool| history.iter().rev().find(|run| is(run));
    // Ours after a retry of the state; or a run that no execution has claimed yet, which has all loads.
    let is_open = |run: &EarlierRun| run.state == RunState::Ready || (run.state == RunState::Running && run.is_ours);
    if let Some(run) = newest(&is_open) {
        return OpenDecision::Existing(run.run_id);
    }
    let waiting = newest(&|run| run.state == RunState::Waiting);
    let Some(latest) = newest(&|run| run.state != RunState::Skipped).filter(|_| !force) else {
        return match waiting {
            Some(run) => OpenDecision::StartWaiting(run.run_id),
            None if force || is_complete => OpenDecision::NewAttempt,
            None => OpenDecision::Incomplete,
        };
    };
    match latest.state {
        RunState::Running => OpenDecision::Skip(latest.run_id, "the run is already running"),
        RunState::Succeeded => {
            OpenDecision::Skip(latest.run_id, "the run has already succeeded; --force runs it again")
        }
        RunState::Waiting if is_complete => OpenDecision::StartWaiting(latest.run_id),
        RunState::Waiting => OpenDecision::Incomplete,
        RunState::Failed if latest.is_incomplete && !is_complete => OpenDecision::Incomplete,
        RunState::Failed | RunState::Ready | RunState::Skipped => OpenDecision::NewAttempt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2 Failed` is run 2; `3 Running ours` is run 3 of the execution that asks; `Incomplete` is a failure.
    fn earlier_run(text: &str) -> EarlierRun {
        let mut words = text.split(' ');
        let run_id = words.next().unwrap().parse().unwrap();
        let state = words.next().unwrap();
        let is_incomplete = state == "Incomplete";
        let state = if is_incomplete { RunState::Failed } else { state.parse().unwrap() };
        EarlierRun { run_id, attempt: None, state, is_incomplete, is_ours: words.next() == Some("ours") }
    }

    #[test]
    fn decision_follows_the_earlier_runs() {
        use OpenDecision::{Existing, Incomplete, NewAttempt, Skip, StartWaiting};
        let check = |history: &[&str], is_complete: bool, unforced: OpenDecision, forced: OpenDecision| {
            let runs: Vec<EarlierRun> = history.iter().map(|text| earlier_run(text)).collect();
            assert_eq!(decide(&runs, is_complete, false), unforced, "{history:?}, complete: {is_complete}");
            assert_eq!(decide(&runs, is_complete, true), forced, "{history:?}, complete: {is_complete}, forced");
        };
        let again = "the run has already succeeded; --force runs it again";
        check(&[], false, Incomplete, NewAttempt);
        check(&[], true, NewAttempt, NewAttempt);
        check(&["1 Ready"], true, Existing(1), Existing(1));
        check(&["1 Waiting"], false, Incomplete, StartWaiting(1));
        check(&["1 Waiting"], true, StartWaiting(1), StartWaiting(1));
        check(&["1 Running"], true, Skip(1, "the run is already running"), NewAttempt);
        check(&["1 Running ours"], true, Existing(1), Existing(1));
        check(&["1 Succeeded"], true, Skip(1, again), NewAttempt);
        check(&["1 Succeeded", "2 Skipped"], true, Skip(1, again), NewAttempt);
        check(&["1 Succeeded", "2 Ready"], true, Existing(2), Existing(2));
        check(&["1 Failed"], true, NewAttempt, NewAttempt);
        check(&["1 Failed", "2 Succeeded"], true, Skip(2, again), NewAttempt);
        check(&["1 Failed", "2 Ready ours"], true, Existing(2), Existing(2));
        check(&["1 Incomplete"], false, Incomplete, NewAttempt);
        check(&["1 Incomplete"], true, NewAttempt, NewAttempt);
        check(&["1 Incomplete", "2 Waiting"], false, Incomplete, StartWaiting(2));
    }
}
