use crate::{folder, with_stack};

/// The file name `events/NAME.STATE.json` holds, in kebab case, a state that the event must reach.
#[test]
fn sample_event_reaches_the_state_in_its_name() {
    with_stack(async |stack| {
        let mut checked = 0;
        for entry in std::fs::read_dir(folder("../events")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let Some((_, state)) = name.strip_suffix(".json").and_then(|stem| stem.rsplit_once('.')) else {
                assert!(path.is_dir(), "{name}: expected NAME.STATE.json");
                continue;
            };
            let event = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let execution = stack.ended(&stack.start_execution(&event).await).await;
            let expected = camel_case(state);
            assert!(execution.states.contains(&expected), "{name}: {:?}", execution.states);
            if expected == "NotifyFailure" {
                assert!(
                    !execution.states.iter().any(|state| state == "ResolveTrigger"),
                    "{name}: {:?}",
                    execution.states
                );
            }
            checked += 1;
        }
        assert!(checked >= 10, "only {checked} sample events");
    });
}

fn camel_case(kebab: &str) -> String {
    kebab.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}
