use super::*;

fn name(name: &str) -> &OsStr {
    OsStr::new(name)
}

fn written(volume: &mut Volume, file: &str, bytes: &[u8]) -> Handle {
    let inode = volume.lookup(ROOT, name(file)).or_else(|_| volume.create_file(ROOT, name(file), 0o644)).unwrap();
    let handle = volume.open_file(inode).unwrap();
    volume.write(handle, None, bytes).unwrap();
    handle
}

fn sync(volume: &mut Volume, handle: Handle) {
    let sync = volume.begin_sync(handle).unwrap();
    volume.finish_sync(sync).unwrap();
}

fn sync_root(volume: &mut Volume) {
    let sync = volume.begin_directory_sync(ROOT).unwrap();
    volume.finish_sync(sync).unwrap();
}

fn fail(volume: &mut Volume) -> Vec<Forgotten> {
    let forgotten = volume.power_off();
    volume.power_on();
    forgotten
}

fn holds(volume: &mut Volume, file: &str) -> Option<Vec<u8>> {
    let handle = volume.lookup(ROOT, name(file)).and_then(|inode| volume.open_file(inode)).ok()?;
    Some(volume.read(handle, 0, 1_000).unwrap().to_vec())
}

#[test]
fn a_file_survives_as_it_was_synchronised() {
    let mut volume = Volume::new(1 << 20);
    let handle = written(&mut volume, "aof", b"one");
    sync(&mut volume, handle);
    sync_root(&mut volume);
    volume.write(handle, None, b"two").unwrap();
    assert_eq!(fail(&mut volume), [Forgotten::Bytes { file: "aof".into(), bytes: 3 }]);
    assert_eq!(holds(&mut volume, "aof"), Some(b"one".to_vec()));
    assert_eq!(fail(&mut volume), []);
}

#[test]
fn a_new_name_survives_with_the_file() {
    let mut volume = Volume::new(1 << 20);
    written(&mut volume, "lost", b"one");
    let handle = written(&mut volume, "kept", b"two");
    sync(&mut volume, handle);
    let lost = [Forgotten::Made("lost".into()), Forgotten::Bytes { file: "lost".into(), bytes: 3 }];
    assert_eq!(fail(&mut volume), lost);
    assert_eq!((holds(&mut volume, "lost"), holds(&mut volume, "kept")), (None, Some(b"two".to_vec())));
}

/// As Redis 7 makes its files.
#[test]
fn a_new_directory_survives_with_what_is_in_it() {
    let mut volume = Volume::new(1 << 20);
    let directory = volume.create_directory(ROOT, name("appendonlydir"), 0o755).unwrap();
    let file = volume.create_file(directory, name("aof"), 0o644).unwrap();
    let handle = volume.open_file(file).unwrap();
    volume.write(handle, None, b"one").unwrap();
    sync(&mut volume, handle);
    assert_eq!(fail(&mut volume), []);
    assert_eq!(volume.lookup(ROOT, name("appendonlydir")), Ok(directory));
    assert_eq!(volume.lookup(directory, name("aof")), Ok(file));
}

/// As a server saves: a file of another name, then renamed.
#[test]
fn a_renamed_file_is_the_old_one_until_its_directory_is_synchronised() {
    let mut volume = Volume::new(1 << 20);
    let save = |volume: &mut Volume, bytes: &[u8]| {
        let handle = written(volume, "temp", bytes);
        sync(volume, handle);
        volume.close(handle);
        volume.rename((ROOT, name("temp")), (ROOT, name("rdb"))).unwrap();
    };
    save(&mut volume, b"old");
    sync_root(&mut volume);
    save(&mut volume, b"new");
    assert_eq!(holds(&mut volume, "rdb"), Some(b"new".to_vec()));
    assert_eq!(fail(&mut volume), [Forgotten::Replaced("rdb".into()), Forgotten::Removed("temp".into())]);
    assert_eq!(holds(&mut volume, "rdb"), Some(b"old".to_vec()));
    volume.remove(ROOT, name("temp"), false).unwrap();
    save(&mut volume, b"new");
    sync_root(&mut volume);
    assert_eq!(fail(&mut volume), []);
    assert_eq!(holds(&mut volume, "rdb"), Some(b"new".to_vec()));
}

#[test]
fn a_removed_file_comes_back() {
    let mut volume = Volume::new(1 << 20);
    let handle = written(&mut volume, "rdb", b"old");
    sync(&mut volume, handle);
    volume.close(handle);
    sync_root(&mut volume);
    volume.remove(ROOT, name("rdb"), false).unwrap();
    assert_eq!(holds(&mut volume, "rdb"), None);
    assert_eq!(fail(&mut volume), [Forgotten::Removed("rdb".into())]);
    assert_eq!(holds(&mut volume, "rdb"), Some(b"old".to_vec()));
}

/// What a dying process still asks for must not reach the disk that its successor finds.
#[test]
fn nothing_is_done_without_power_nor_with_what_was_open_before() {
    let mut volume = Volume::new(1 << 20);
    let handle = written(&mut volume, "aof", b"one");
    sync_root(&mut volume);
    let under_way = volume.begin_sync(handle).unwrap();
    volume.power_off();
    assert_eq!(volume.create_file(ROOT, name("late"), 0o644), Err(Errno::EIO));
    assert_eq!(volume.lookup(ROOT, name("aof")), Err(Errno::EIO));
    volume.power_on();
    assert_eq!(volume.write(handle, None, b"late"), Err(Errno::EIO));
    assert_eq!(volume.finish_sync(under_way), Err(Errno::EIO));
    assert_eq!(holds(&mut volume, "aof"), Some(Vec::new()));
}

#[test]
fn space_is_given_in_blocks_and_taken_back() {
    let mut volume = Volume::new(3 * BLOCK_BYTES);
    let handle = written(&mut volume, "aof", b"one");
    assert_eq!(volume.left_bytes(), 2 * BLOCK_BYTES);
    volume.fill();
    assert_eq!(volume.left_bytes(), 0);
    // The rest of the block that it has.
    assert_eq!(volume.write(handle, None, &[0; 5_000]), Ok(4_093));
    assert_eq!(volume.write(handle, None, b"x"), Err(Errno::ENOSPC));
    assert!(volume.free() && !volume.free());
    assert_eq!(volume.write(handle, None, &[0; 5_000]), Ok(5_000));
    volume.remove(ROOT, name("aof"), false).unwrap();
    assert_eq!(volume.left_bytes(), 0, "it is still open");
    volume.close(handle);
    assert_eq!(volume.left_bytes(), 3 * BLOCK_BYTES);
}

/// Time is all that it takes.
#[test]
fn an_empty_synchronisation_leaves_no_trace() {
    let mut volume = Volume::new(1 << 20);
    written(&mut volume, "aof", b"one");
    let sync = volume.begin_empty_sync().unwrap();
    volume.finish_sync(sync).unwrap();
    let lost = [Forgotten::Made("aof".into()), Forgotten::Bytes { file: "aof".into(), bytes: 3 }];
    assert_eq!(fail(&mut volume), lost);
    assert_eq!(fail(&mut volume), []);
}

/// As the harness damages a file: shorter, or as long as before.
#[test]
fn what_is_put_survives() {
    let mut volume = Volume::new(2 * BLOCK_BYTES);
    volume.create_directory(ROOT, name("inner"), 0o755).unwrap();
    let path = Path::new("inner/aof");
    volume.put(path, b"abcdef").unwrap();
    volume.put(path, b"abXd").unwrap();
    assert_eq!(volume.put(path, &[0; 9_000]), Err(Errno::ENOSPC));
    assert_eq!(volume.put(Path::new("none/aof"), b"x"), Err(Errno::ENOENT));
    assert_eq!(fail(&mut volume), []);
    assert_eq!(volume.content_at(path), Ok(&b"abXd"[..]));
    assert_eq!(volume.paths(), Ok(vec!["inner".into(), path.to_owned()]));
}

#[test]
fn what_is_wiped_does_not_come_back() {
    let mut volume = Volume::new(1 << 20);
    volume.put(Path::new("rdb"), b"abc").unwrap();
    volume.wipe().unwrap();
    assert_eq!(fail(&mut volume), []);
    assert_eq!((volume.paths(), volume.left_bytes()), (Ok(Vec::new()), 1 << 20));
}
