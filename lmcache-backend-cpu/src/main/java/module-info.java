/** The tier in host memory, off heap. */
@org.jspecify.annotations.NullMarked
module io.lmcache.backend.cpu {
    requires io.lmcache.api;
    requires static org.jspecify;
    requires org.slf4j;
}
