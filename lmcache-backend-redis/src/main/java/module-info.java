/** The tier in a Redis or Valkey server, cluster, or whatever else speaks their protocol. */
@org.jspecify.annotations.NullMarked
module io.lmcache.backend.redis {
    requires io.lmcache.api;
    requires io.netty.buffer;
    requires io.netty.common;
    requires io.netty.handler;
    requires io.netty.transport;
    requires lettuce.core;
    requires org.slf4j;
    requires static org.jspecify;

    provides io.lmcache.api.spi.StorageBackendProvider with
            io.lmcache.backend.redis.RedisBackendProvider;
}
