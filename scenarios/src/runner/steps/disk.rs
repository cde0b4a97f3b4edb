//! `disk.fail` and `disk.damage`: from the words of the language to the world's disks.

use std::{io, path::PathBuf, time::Duration};

use serde_json::Value;
use sim::world::{DiskFaults, HostId, World};

use super::later;
use crate::language::{Damage, DiskAccess, DiskError, Pointer};

/// Where hosts keep what scenarios damage.
pub(in crate::runner) const STORAGE_ROOT: &str = "/var/lib/acme";

/// An error as programs see it.
pub(in crate::runner) fn error_kind(error: DiskError) -> io::ErrorKind {
    match error {
        DiskError::NoSpace => io::ErrorKind::StorageFull,
        // Rust has no kind for EIO.
        DiskError::Io => io::ErrorKind::Other,
        DiskError::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
        DiskError::Permission => io::ErrorKind::PermissionDenied,
    }
}

/// Makes a disk refuse for a time.
pub(super) fn fail(world: &mut World, host: HostId, error: DiskError, on: DiskAccess, duration: Option<Duration>) {
    let kind = error_kind(error);
    let (writes, reads) = match on {
        DiskAccess::Writes => (Some(kind), None),
        DiskAccess::Reads => (None, Some(kind)),
        DiskAccess::Both => (Some(kind), Some(kind)),
    };
    set_errors(world, host, writes, reads);
    later(world, duration, move |world| set_errors(world, host, None, None));
}

fn set_errors(world: &mut World, host: HostId, write_error: Option<io::ErrorKind>, read_error: Option<io::ErrorKind>) {
    let faults = DiskFaults { write_error, read_error, ..world.disk_faults(host) };
    world.set_disk_faults(host, faults);
}

/// Damages every file of the storage that `pattern` names.
pub(super) fn damage(world: &mut World, host: HostId, pattern: &str, damage: Damage, remove_fields: &[Pointer]) {
    let files: Vec<(PathBuf, Vec<u8>)> =
        world.files(host).into_iter().filter(|(path, _)| path.starts_with(STORAGE_ROOT)).collect();
    let is_meant = |path: &PathBuf| {
        let below = path.strip_prefix(STORAGE_ROOT).unwrap_or(path);
        [Some(below.as_os_str()), path.file_name()]
            .into_iter()
            .flatten()
            .any(|text| matches(pattern, &text.to_string_lossy()))
    };
    for (path, content) in files.iter().filter(|(path, _)| is_meant(path)) {
        let damaged = match damage {
            Damage::Truncated => Some(content[..content.len() / 2].to_vec()),
            Damage::Emptied => Some(Vec::new()),
            Damage::NulFilled => Some(vec![0; content.len()]),
            Damage::TrailingBrace => Some([content.as_slice(), b"}"].concat()),
            Damage::FieldsMissing => {
                let Ok(mut object) = serde_json::from_slice(content) else { continue };
                remove_fields.iter().for_each(|pointer| remove(&mut object, &pointer.0));
                Some(object.to_string().into_bytes())
            }
            Damage::AnothersContent => {
                let another = files.iter().find(|(other, _)| other != path && other.extension() == path.extension());
                let Some((_, another)) = another else { continue };
                Some(another.clone())
            }
            Damage::Missing => None,
            Damage::Garbage => Some(b"\xff\xfe\x00-----BEGIN {[\"".to_vec()),
        };
        world.damage_file(host, path, damaged.as_deref());
    }
}

/// Removes what a JSON pointer (RFC 6901) leads to, if it is a member that is there.
fn remove(value: &mut Value, pointer: &str) {
    if let Some((object, member)) = pointer.rsplit_once('/')
        && let Some(Value::Object(members)) = value.pointer_mut(object)
    {
        members.remove(member);
    }
}

/// Whether `text` is as `pattern` says, where `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_go_and_what_is_not_there_matters_not() {
        let mut value = serde_json::json!({"a": {"b": 1, "c": 2}, "d": 3});
        ["/a/b", "/d", "/x/y", "/a/z"].into_iter().for_each(|pointer| remove(&mut value, pointer));
        assert_eq!(value, serde_json::json!({"a": {"c": 2}}));
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text) in [("*.pem", "a/b.pem"), ("a*c*", "abc"), ("*", ""), ("x", "x")] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("*.pem", "a.pem.bad"), ("a*c", "ab"), ("", "x")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
