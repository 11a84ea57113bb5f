//! PostgreSQL refuses to run as root, so root runs it as `nobody`, who must be able to reach its files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use super::processes::User;
use crate::{Error, Result};

const READ_BY_OTHERS: u32 = 0o004;
const SEARCH_BY_OTHERS: u32 = 0o001;

/// Who PostgreSQL is to run as: `None` unless the caller is root.
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

/// Gives a folder and all in it to `user`.
pub(crate) fn give(path: &Path, user: User) -> Result<()> {
    for_each(path, &|path| chown(path, Some(user.uid), Some(user.gid)).map_err(Error::file("give away", path)))
}

/// Lets others pass through every folder above `path`.
pub(crate) fn open_way_to(path: &Path) -> Result<()> {
    path.ancestors().skip(1).try_for_each(|folder| allow(folder, SEARCH_BY_OTHERS))
}

/// Lets others read all in a folder, and run what its owner can run.
pub(crate) fn open(path: &Path) -> Result<()> {
    for_each(path, &|path| {
        let mode = fs::metadata(path).map_err(Error::file("look at", path))?.mode();
        let run = if mode & 0o100 == 0 { 0 } else { SEARCH_BY_OTHERS };
        allow(path, READ_BY_OTHERS | run)
    })
}

fn allow(path: &Path, wanted: u32) -> Result<()> {
    let mode = fs::metadata(path).map_err(Error::file("look at", path))?.mode();
    if mode & wanted == wanted {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode | wanted)).map_err(Error::file("open", path))
}

fn for_each(path: &Path, change: &impl Fn(&Path) -> Result<()>) -> Result<()> {
    let kind = fs::symlink_metadata(path).map_err(Error::file("look at", path))?;
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
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody2:x:7:8::/:/x\nnobody:x:65534:65533:n:/:/x\n";
        assert_eq!(find("nobody", passwd), Some(User { uid: 65534, gid: 65533 }));
        assert_eq!(find("nob", passwd), None);
        assert_eq!(find("nobody", "nobody:x\n"), None);
    }
}
