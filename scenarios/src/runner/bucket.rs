//! A bucket of an object store in the world: each request takes its time, and may be done or not when its host goes down meanwhile.
//! It outlives its hosts, and may be one that ignores conditions.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use client_under_test::storage::bucket::Bucket;
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};
use sim::Env;

use crate::language::{BucketConditions, Case, Host, HostKind, HostName, Slug};

/// How long the way there or back takes at least, and how much longer at most, in milliseconds.
const WAY_MS: (u64, u64) = (10, 40);

/// A bucket as a manager is set up with it.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    pub(super) objects: Arc<InMemory>,
    pub(super) conditions: BucketConditions,
    /// Whether other managers use it too.
    pub(super) is_shared: bool,
}

/// The bucket of each manager that has one.
pub(super) fn shelves<'a>(case: &'a Case) -> BTreeMap<HostName, Shelf> {
    let in_a_bucket = |(host, settings): (&'a HostName, &'a Host)| {
        let HostKind::Manager { bucket: Some(bucket), bucket_conditions, .. } = &settings.kind else { return None };
        Some((host, bucket, *bucket_conditions))
    };
    let managers: Vec<_> = case.hosts.iter().filter_map(in_a_bucket).collect();
    let mut objects: BTreeMap<&'a str, Arc<InMemory>> = BTreeMap::new();
    let shelf = |(host, bucket, conditions): &(&HostName, &'a Slug, BucketConditions)| {
        let objects = objects.entry(bucket.as_str()).or_default().clone();
        let is_shared = managers.iter().filter(|(_, other, _)| other == bucket).count() > 1;
        ((*host).clone(), Shelf { objects, conditions: *conditions, is_shared })
    };
    managers.iter().map(shelf).collect()
}

impl Shelf {
    /// The bucket, asked from the host that `env` is of.
    pub(super) fn bucket(&self, env: &Env) -> Bucket {
        Bucket::new(Arc::new(Asked { env: env.clone(), shelf: self.clone() }))
    }
}

#[derive(Clone, Debug)]
struct Asked {
    env: Env,
    shelf: Shelf,
}

impl Asked {
    async fn way(&self) {
        let ms = WAY_MS.0 + self.env.random_below("bucket/way", WAY_MS.1);
        self.env.sleep(Duration::from_millis(ms)).await;
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bucket")
    }
}

/// The store behind it has the real clock, which is none of the world's: everything was last written at the beginning of time.
fn without_time(meta: ObjectMeta) -> ObjectMeta {
    ObjectMeta { last_modified: Default::default(), ..meta }
}

#[async_trait::async_trait]
impl ObjectStore for Asked {
    async fn put_opts(&self, path: &Path, bytes: PutPayload, options: PutOptions) -> Result<PutResult> {
        let options = match self.shelf.conditions {
            BucketConditions::Kept => options,
            BucketConditions::Ignored => PutOptions { mode: PutMode::Overwrite, ..options },
        };
        self.way().await;
        let done = self.shelf.objects.put_opts(path, bytes, options).await;
        self.way().await;
        done
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.way().await;
        self.shelf.objects.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.way().await;
        let found = self.shelf.objects.get_opts(path, options).await;
        self.way().await;
        found.map(|found| GetResult { meta: without_time(found.meta.clone()), ..found })
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let asked = self.clone();
        let on_the_way = paths.then(move |path| {
            let asked = asked.clone();
            async move {
                asked.way().await;
                path
            }
        });
        self.shelf.objects.delete_stream(on_the_way.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.shelf.objects.list(prefix).map(|found| found.map(without_time)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.way().await;
        let found = self.shelf.objects.list_with_delimiter(prefix).await?;
        Ok(ListResult { objects: found.objects.into_iter().map(without_time).collect(), ..found })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.way().await;
        self.shelf.objects.copy_opts(from, to, options).await
    }
}
