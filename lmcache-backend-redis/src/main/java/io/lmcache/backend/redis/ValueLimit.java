package io.lmcache.backend.redis;

import io.lettuce.core.RedisCommandExecutionException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * How long a value a server takes. One that gets a longer one ends the connection, so it is asked before the first is sent;
 * where it does not tell, it is what servers have when nobody sets it. Thread-safe.
 */
final class ValueLimit {
    private static final long USUAL = 512L << 20;
    private static final String SETTING = "proto-max-bulk-len";

    private final Map<RedisNode, Long> known = new ConcurrentHashMap<>();

    CompletableFuture<Long> of(RedisNode node) {
        Long limit = known.get(node);
        return limit != null
                ? CompletableFuture.completedFuture(limit)
                : node.control().call(RedisCommands.setting(SETTING)).handle((reply, error) -> {
                    if (error == null) {
                        known.put(node, toldBy(reply));
                        return toldBy(reply);
                    }
                    if (RedisServers.unwrapped(error) instanceof RedisCommandExecutionException) {
                        // There, but does not tell.
                        known.put(node, USUAL);
                    }
                    return USUAL;
                });
    }

    private static long toldBy(List<Object> reply) {
        if (reply.size() == 2 && reply.get(1) instanceof byte[] value) {
            try {
                return Long.parseLong(new String(value, StandardCharsets.US_ASCII));
            } catch (NumberFormatException e) {
                return USUAL;
            }
        }
        return USUAL;
    }
}
