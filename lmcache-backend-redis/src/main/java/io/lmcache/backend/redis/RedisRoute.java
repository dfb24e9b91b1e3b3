package io.lmcache.backend.redis;

import io.lettuce.core.cluster.SlotHash;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Which server has which name. Immutable and thread-safe. */
sealed interface RedisRoute {
    /** The server that has the name, if one does. */
    Optional<RedisNode> nodeOf(byte[] name);

    /** All servers. */
    Collection<RedisNode> nodes();

    /**
     * One server has all.
     *
     * @param node the server
     */
    record Single(RedisNode node) implements RedisRoute {
        @Override
        public Optional<RedisNode> nodeOf(byte[] name) {
            return Optional.of(node);
        }

        @Override
        public Collection<RedisNode> nodes() {
            return List.of(node);
        }
    }

    /** A cluster: the slot that a name hashes to decides. */
    final class Slots implements RedisRoute {
        private final @Nullable RedisNode[] nodes;

        /** The server of each slot, null for none. */
        Slots(@Nullable RedisNode[] nodes) {
            this.nodes = nodes.clone();
        }

        @Override
        public Optional<RedisNode> nodeOf(byte[] name) {
            return Optional.ofNullable(nodes[SlotHash.getSlot(name)]);
        }

        @Override
        public Collection<RedisNode> nodes() {
            Set<RedisNode> all = new LinkedHashSet<>();
            for (RedisNode node : nodes) {
                if (node != null) {
                    all.add(node);
                }
            }
            return all;
        }
    }
}
