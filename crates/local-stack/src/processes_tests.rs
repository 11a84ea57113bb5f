use super::*;

#[test]
fn start_time_is_read_after_any_program_name() {
    fn check(name: &str) {
        let rest: Vec<String> = (4..=30).map(|field| field.to_string()).collect();
        let stat = format!("17 ({name}) S {}", rest.join(" "));
        assert_eq!(parse_proc_stat(&stat), Some(("S", "22")), "{stat}");
    }
    check("postgres");
    check("a b) (c");
    check(")");
    assert_eq!(parse_proc_stat("17 (cut"), None);
}

#[test]
fn reused_process_id_is_another_process() {
    let us = ProcessId::of(std::process::id()).unwrap();
    assert!(us.is_running());
    let earlier = ProcessId { pid: us.pid, started: "1@an earlier boot".to_owned() };
    assert!(!earlier.is_running());
    earlier.stop_group(StopSignal::Terminate);
    assert!(us.is_running());
}

fn sleeper(folder: &Path) -> Program {
    let pid_file = folder.join("pid");
    Program {
        name: "sleeper",
        path: "/bin/sh".into(),
        args: vec!["-c".into(), format!("echo $$ > {}; exec sleep 600", pid_file.display()).into()],
        env: Vec::new(),
        user: None,
        stop: StopSignal::Terminate,
        log: folder.join("log"),
    }
}

fn pid_of_sleeper(process: &mut Process, folder: &Path) -> ProcessId {
    let mut pid = None;
    process
        .wait_until(Duration::from_secs(5), || {
            pid = fs::read_to_string(folder.join("pid")).ok().and_then(|text| text.trim().parse().ok());
            pid.is_some()
        })
        .unwrap();
    ProcessId::of(pid.unwrap()).unwrap()
}

#[test]
fn attached_process_ends_with_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(&sleeper(folder.path()), Lifetime::WithCaller, |_| Ok(())).unwrap();
    let sleeper = pid_of_sleeper(&mut process, folder.path());
    assert!(sleeper.is_running());
    drop(process);
    assert!(!sleeper.is_running());
}

#[test]
fn detached_process_runs_until_stopped_by_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorded = None;
    let mut process = Process::start(&sleeper(folder.path()), Lifetime::UntilStopped, |id| {
        recorded = Some(id.clone());
        Ok(())
    })
    .unwrap();
    let sleeper = pid_of_sleeper(&mut process, folder.path());
    assert_eq!(recorded.as_ref(), Some(&sleeper), "the shell becomes the program");
    drop(process);
    assert!(sleeper.is_running());
    recorded.unwrap().stop_group(StopSignal::Terminate);
    assert!(!sleeper.is_running());
}

#[test]
fn unrecorded_process_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Process::start(&sleeper(folder.path()), Lifetime::UntilStopped, |_| Err(Error::Interrupted));
    assert!(matches!(refused, Err(Error::Interrupted)));
    thread::sleep(Duration::from_millis(200));
    assert!(!folder.path().join("pid").exists());
}
