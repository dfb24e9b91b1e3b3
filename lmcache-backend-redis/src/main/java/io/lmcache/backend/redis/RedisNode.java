package io.lmcache.backend.redis;

import io.lettuce.core.RedisURI;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A server and the connections to it: one for what is small, some for payload, so that a lookup waits for no transfer. Thread-safe. */
final class RedisNode {
    private final RedisLink control;
    private final List<RedisLink> payload;
    private final AtomicInteger next = new AtomicInteger();

    RedisNode(RedisConnector connector, RedisURI server, int connections) {
        this.control = new RedisLink(connector, server);
        this.payload = IntStream.range(0, connections)
                .mapToObj(_ -> new RedisLink(connector, server))
                .toList();
    }

    RedisLink control() {
        return control;
    }

    /** One of the connections for payload, in turn. */
    RedisLink payload() {
        return payload.get(Math.floorMod(next.getAndIncrement(), payload.size()));
    }

    private Stream<RedisLink> links() {
        return Stream.concat(Stream.of(control), payload.stream());
    }

    /** Gives all connections up, since the server is not what it was. */
    void drop() {
        links().forEach(RedisLink::drop);
    }

    void close() {
        links().forEach(RedisLink::close);
    }
}
