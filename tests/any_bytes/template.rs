use pipeline::KeyTemplate;

/// Parses a template, a line feed, and a key. The template must be equal after printing and parsing. The fields of a
/// matching key must build that key again.
///
/// # Panics
/// If a promise is broken.
pub fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (template, key) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(template) = KeyTemplate::parse(template) else { return };
    assert_eq!(KeyTemplate::parse(&template.to_string()).as_ref(), Ok(&template));
    let Some(captures) = template.matches(key) else { return };
    if !template.has_star() {
        assert_eq!(template.build(&captures).as_deref(), Ok(key), "of {template} and {captures:?}");
    }
}
