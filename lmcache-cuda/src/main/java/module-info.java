/**
 * CUDA for the cache: {@code io.lmcache.cuda} has devices, streams and page-locking, {@code io.lmcache.cuda.kernel} the
 * kernels, {@code io.lmcache.cuda.paged} an engine's paged KV cache, on GPU and host.
 */
@org.jspecify.annotations.NullMarked
module io.lmcache.cuda {
    requires transitive io.lmcache.api;
    requires transitive jcuda;
    requires static org.jspecify;
    requires org.slf4j;

    exports io.lmcache.cuda;
    exports io.lmcache.cuda.kernel;
    exports io.lmcache.cuda.paged;
}
