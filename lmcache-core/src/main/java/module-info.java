/** Configuration, chunking and hashing, the tiered storage manager, and the engine facade. */
@org.jspecify.annotations.NullMarked
module io.lmcache.core {
    requires transitive io.lmcache.api;
    requires static org.jspecify;
    requires org.slf4j;
}
