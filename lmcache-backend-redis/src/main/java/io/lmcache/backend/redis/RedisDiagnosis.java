package io.lmcache.backend.redis;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StoredChunk;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Asks a server what it is, and tries it out with a chunk of its own. For one thread. */
final class RedisDiagnosis {
    private static final Duration PATIENCE = Duration.ofSeconds(15);
    private static final int TRIAL_BYTES = 16 << 20;
    private static final String REACH = "start the server, or correct remote_url, user and password";

    private final RedisSettings settings;
    private final List<Finding> findings = new ArrayList<>();

    RedisDiagnosis(RedisSettings settings) {
        this.settings = settings;
    }

    List<Finding> findings() {
        try {
            settings.credentials().check();
        } catch (LmcacheException e) {
            return List.of(Finding.problem(
                    "password",
                    String.valueOf(e.getMessage()),
                    "name a file in password_file that this user may read"));
        }
        try (RedisBackend backend = new RedisBackend(settings)) {
            Map<String, String> facts = facts(backend);
            findings.add(Finding.ok("server", "at " + settings.address() + ": " + version(facts)));
            memory(facts);
            trial(backend);
        } catch (IOException e) {
            findings.add(Finding.failure("server", String.valueOf(e.getMessage()), REACH));
        }
        return findings;
    }

    private static Map<String, String> facts(RedisBackend backend) throws IOException {
        Map<String, String> facts = new TreeMap<>();
        for (String section : List.of("server", "memory")) {
            for (String line : await(backend.info(section)).lines().toList()) {
                int colon = line.indexOf(':');
                if (colon > 0) {
                    facts.put(
                            line.substring(0, colon), line.substring(colon + 1).strip());
                }
            }
        }
        return facts;
    }

    private static String version(Map<String, String> facts) {
        String valkey = facts.get("valkey_version");
        return (valkey == null
                        ? "Redis " + facts.getOrDefault("redis_version", "of unknown version")
                        : "Valkey " + valkey)
                + ", mode " + facts.getOrDefault("redis_mode", "unknown");
    }

    private void memory(Map<String, String> facts) {
        String policy = facts.getOrDefault("maxmemory_policy", "unknown");
        String limit = facts.getOrDefault("maxmemory", "0");
        if (limit.equals("0")) {
            findings.add(Finding.note(
                    "memory",
                    "maxmemory is not set: the server takes chunks until its machine has no memory left",
                    "set maxmemory, and maxmemory-policy allkeys-lru; or max_size here"));
        } else if (policy.equals("noeviction")) {
            findings.add(Finding.note(
                    "memory",
                    "maxmemory is " + size(limit)
                            + " and maxmemory-policy is noeviction: once full, it takes no new chunk",
                    "set maxmemory-policy allkeys-lru, or ttl_secs here"));
        } else {
            findings.add(Finding.ok("memory", "maxmemory is " + size(limit) + ", maxmemory-policy " + policy));
        }
    }

    private static String size(String bytes) {
        try {
            return String.format(Locale.ROOT, "%.1f MiB", Long.parseLong(bytes) / (double) ByteSize.MIB);
        } catch (NumberFormatException e) {
            return bytes + " bytes";
        }
    }

    /** A chunk that no cache can ask for: its hash is random. */
    private void trial(RedisBackend backend) throws IOException {
        KvLayout layout = KvLayout.mla(KvDtype.UINT8, 1, 1);
        byte[] hash = new byte[32];
        new SecureRandom().nextBytes(hash);
        ChunkKey key = new ChunkKey(KeyScope.of("lmcache-doctor", layout), ChunkHash.of(hash));
        ChunkMeta meta = new ChunkMeta(layout, TRIAL_BYTES);
        Optional<BufferLease> memory = backend.allocator().tryAllocate(meta.byteSize());
        if (memory.isEmpty()) {
            findings.add(Finding.note("trial", "staging_size is less than the 16 MiB of a trial", "raise it"));
            return;
        }
        PutOutcome outcome;
        long start = System.nanoTime();
        try (BufferLease lease = memory.get()) {
            outcome = await(backend.put(key, meta, lease));
        }
        long written = System.nanoTime();
        if (outcome instanceof PutOutcome.Declined(var _, String message)) {
            findings.add(Finding.failure(
                    "trial", "the server takes no chunk: " + message, "give it memory, or let it evict"));
            return;
        }
        try {
            Optional<StoredChunk> found = await(backend.get(key, backend.allocator()));
            found.ifPresent(StoredChunk::close);
            findings.add(
                    found.isPresent()
                            ? Finding.ok(
                                    "trial",
                                    "a chunk of 16 MiB: written with " + speed(written - start)
                                            + ", read and checked with " + speed(System.nanoTime() - written))
                            : Finding.failure(
                                    "trial", "a chunk that was written is not found", "give the server memory"));
        } finally {
            await(backend.tryInvalidate(key));
        }
    }

    private static String speed(long nanos) {
        return String.format(Locale.ROOT, "%.0f MiB/s", TRIAL_BYTES / (double) ByteSize.MIB / (nanos / 1e9));
    }

    private static <T> T await(CompletableFuture<T> reply) throws IOException {
        try {
            return reply.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
        } catch (TimeoutException e) {
            throw new IOException("no answer within " + PATIENCE.toSeconds() + " seconds", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
