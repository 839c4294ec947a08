//! The contract of a part store, kept by each of them.

use object_store::memory::InMemory;
use swath_model::Incarnation;
use tempfile::TempDir;

use super::{bucket::Bucket, folder::Folder, *};
use crate::store::object_store_error::ObjectStoreErrorKind;

fn bucket(incarnation: u64, objects: &Arc<InMemory>) -> Bucket {
    let place = Place::Bucket { bucket: "results".to_owned(), prefix: String::new() };
    Bucket::on(Arc::clone(objects) as _, &place, Incarnation(incarnation))
}

/// Every part store there is; the folder is that of the one in a folder.
fn stores() -> (TempDir, Vec<Box<dyn PartStore>>) {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(&Place::Data, root.path(), None).unwrap();
    (root, vec![Box::new(folder), Box::new(bucket(1, &Arc::default()))])
}

async fn begin(store: &dyn PartStore, path: &str, contents: &'static [u8]) -> Box<dyn PartWriter> {
    let mut writer = store.create(path, contents.len()).await.unwrap();
    let writing = tokio::task::spawn_blocking(move || {
        writer.write_all(contents).unwrap();
        writer
    });
    writing.await.unwrap()
}

async fn write(store: &dyn PartStore, job: u64, first: u64, contents: &'static [u8]) -> String {
    let path = store.part_path(JobId(job), first);
    assert_eq!(begin(store, &path, contents).await.finish().await.unwrap(), contents.len() as u64);
    path
}

fn deleted(path: &str, bytes: u64) -> DeletedPart {
    DeletedPart { path: path.to_owned(), bytes }
}

#[tokio::test]
async fn a_part_is_there_when_it_is_finished_and_not_before() {
    let (_root, stores) = stores();
    for store in stores {
        let path = store.part_path(JobId(7), 3);
        let writer = begin(&*store, &path, b"0123456789").await;
        assert_eq!(store.size(&path).await.unwrap_err().kind(), ObjectStoreErrorKind::Missing, "{store:?}");
        writer.finish().await.unwrap();
        assert_eq!(store.size(&path).await.unwrap(), 10);
        assert_eq!(store.list().await.unwrap(), BTreeMap::from([(path.clone(), 10)]));
        assert_eq!(store.read(&path, 2..5).await.unwrap(), &b"234"[..]);
        store.read(&path, 5..11).await.unwrap_err();
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_frees_its_bytes() {
    let (_root, stores) = stores();
    for store in stores {
        let (one, two) = (write(&*store, 1, 0, b"one").await, write(&*store, 2, 0, b"two").await);
        // It is no error if a part is gone already.
        assert_eq!(store.delete(vec![deleted(&one, 3), deleted("jobs/1/part-9.parquet", 4)]).await, 7, "{store:?}");
        assert_eq!(store.list().await.unwrap().keys().collect::<Vec<_>>(), [&two]);
        assert_eq!(store.delete_job(JobId(2), vec![deleted(&two, 3)]).await, 3);
        assert!(store.list().await.unwrap().is_empty());
        assert_eq!(store.retry_deletes().await, 0);
    }
}

#[tokio::test]
async fn only_parts_are_listed_and_swept() {
    let (_root, stores) = stores();
    for store in stores {
        let part = write(&*store, 1, 0, b"part").await;
        store.put("owner.json", b"mine".to_vec()).await.unwrap();
        let listed = store.list().await.unwrap();
        assert_eq!(listed.keys().collect::<Vec<_>>(), [&part], "{store:?}");
        store.sweep(listed.into_keys().collect()).await.unwrap();
        assert!(store.list().await.unwrap().is_empty());
        assert_eq!(store.get("owner.json").await.unwrap(), &b"mine"[..]);
    }
}

#[tokio::test]
async fn a_small_object_is_new_only_once() {
    let (_root, stores) = stores();
    for store in stores {
        assert_eq!(store.get("owner.json").await.unwrap_err().kind(), ObjectStoreErrorKind::Missing);
        store.put_new("owner.json", b"one".to_vec()).await.unwrap();
        let refused = store.put_new("owner.json", b"two".to_vec()).await.unwrap_err();
        assert_eq!(refused.kind(), ObjectStoreErrorKind::AlreadyExists, "{store:?}");
        assert_eq!(store.get("owner.json").await.unwrap(), &b"one"[..]);
        store.put("owner.json", b"two".to_vec()).await.unwrap();
        assert_eq!(store.get("owner.json").await.unwrap(), &b"two"[..]);
    }
}

#[tokio::test]
async fn no_two_parts_of_a_bucket_have_the_same_path() {
    let objects = Arc::default();
    let (first, second) = (bucket(1, &objects), bucket(2, &objects));
    let paths = [first.part_path(JobId(1), 0), first.part_path(JobId(1), 0), second.part_path(JobId(1), 0)];
    assert!(paths[0] != paths[1] && paths[1] != paths[2] && paths[0] != paths[2], "{paths:?}");
}

#[tokio::test]
async fn a_job_of_a_bucket_goes_with_all_its_objects() {
    let objects = Arc::default();
    let (earlier, now) = (bucket(1, &objects), bucket(2, &objects));
    // A late write of an earlier coordinator, which this one does not know of.
    write(&earlier, 1, 0, b"late").await;
    let other = write(&earlier, 12, 0, b"another job").await;
    let part = write(&now, 1, 0, b"part").await;
    assert_eq!(now.delete_job(JobId(1), vec![deleted(&part, 4)]).await, 4);
    assert_eq!(now.list().await.unwrap().into_keys().collect::<Vec<_>>(), [other]);
}
