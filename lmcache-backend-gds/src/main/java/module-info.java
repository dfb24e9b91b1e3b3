/** The chunk directory for GPU memory, through CUDA and cuFile. */
@org.jspecify.annotations.NullMarked
module io.lmcache.backend.gds {
    requires transitive io.lmcache.api;
    requires transitive jcuda;
    requires static org.jspecify;
    requires org.slf4j;
}
