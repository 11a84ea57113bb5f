//! PostgreSQL refuses to run as root. So root runs it as `nobody`, and gives `nobody` access to its files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use crate::error::{Error, Result};
use crate::processes::User;

const READ_BY_OTHERS: u32 = 0o004;
const SEARCH_BY_OTHERS: u32 = 0o001;

/// Returns the user that PostgreSQL must run as. `None` means the caller, who is not root.
pub(crate) fn user() -> Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").map_err(Error::file("read", Path::new("/etc/passwd")))?;
    find("nobody", &passwd).map(Some).ok_or(Error::NoUnprivilegedUser)
}

fn find(name: &str, passwd: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next()? == name;
        let (uid, gid) = (fields.nth(1)?, fields.next()?);
        found.then_some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

/// Makes `user` the owner of a folder and everything in it.
pub(crate) fn change_owner(path: &Path, user: User) -> Result<()> {
    for_each(path, &|path| {
        chown(path, Some(user.uid), Some(user.gid)).map_err(Error::file("change the owner of", path))
    })
}

/// Lets other users pass through every folder above `path`.
pub(crate) fn allow_search_above(path: &Path) -> Result<()> {
    path.ancestors().skip(1).try_for_each(|folder| allow(folder, SEARCH_BY_OTHERS))
}

/// Lets other users read everything in a folder and run the programs in it.
pub(crate) fn allow_read(path: &Path) -> Result<()> {
    for_each(path, &|path| {
        let mode = fs::metadata(path).map_err(Error::file("read", path))?.mode();
        let run = if mode & 0o100 == 0 { 0 } else { SEARCH_BY_OTHERS };
        allow(path, READ_BY_OTHERS | run)
    })
}

fn allow(path: &Path, wanted: u32) -> Result<()> {
    let mode = fs::metadata(path).map_err(Error::file("read", path))?.mode();
    if mode & wanted == wanted {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode | wanted))
        .map_err(Error::file("change the permissions of", path))
}

fn for_each(path: &Path, change: &impl Fn(&Path) -> Result<()>) -> Result<()> {
    let kind = fs::symlink_metadata(path).map_err(Error::file("read", path))?;
    if kind.is_symlink() {
        return Ok(());
    }
    change(path)?;
    if kind.is_dir() {
        for entry in fs::read_dir(path).map_err(Error::file("read", path))? {
            for_each(&entry.map_err(Error::file("read", path))?.path(), change)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_is_found_by_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody2:x:7:8::/:/x\nnobody:x:65534:65533:n:/:/x\n";
        assert_eq!(find("nobody", passwd), Some(User { uid: 65534, gid: 65533 }));
        assert_eq!(find("nob", passwd), None);
        assert_eq!(find("nobody", "nobody:x\n"), None);
    }
}
