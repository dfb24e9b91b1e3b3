/** The tier in a bucket of S3, or of what speaks its protocol. */
@org.jspecify.annotations.NullMarked
@SuppressWarnings("module") // A digit ends the name: that is what the store is called.
module io.lmcache.backend.s3 {
    requires aws.crt;
    requires io.lmcache.api;
    requires org.slf4j;
    requires static org.jspecify;

    provides io.lmcache.api.spi.StorageBackendProvider with
            io.lmcache.backend.s3.S3BackendProvider;
}
