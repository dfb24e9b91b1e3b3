/** The chunk file format, the chunk directory, and POSIX I/O on host memory. */
@org.jspecify.annotations.NullMarked
module io.lmcache.backend.posix {
    requires io.lmcache.api;
    requires static org.jspecify;
    requires org.slf4j;
}
