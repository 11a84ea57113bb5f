use crate::context::{Context, relative};
use crate::error::Result;

pub(crate) fn run(context: &Context) -> Result<bool> {
    let state = context.state_folder()?;
    let stopped = local_stack::down(&state)?;
    if stopped.is_empty() {
        println!("no stack is up in {}", relative(&state).display());
    } else {
        println!("stopped {}", stopped.join(" and "));
    }
    if stopped.contains(&local_stack::POSTGRES) {
        let files = relative(&state.join("postgres"));
        println!("the files of the database stay in {}; delete this folder for an empty database", files.display());
    }
    Ok(true)
}
