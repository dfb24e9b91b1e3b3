package io.lmcache.backend.redis;

import static io.lmcache.backend.redis.RedisFixture.CONTEXT;
import static io.lmcache.backend.redis.RedisFixture.eventually;
import static io.lmcache.backend.redis.RedisFixture.holds;
import static io.lmcache.backend.redis.RedisFixture.open;
import static io.lmcache.backend.redis.RedisFixture.prefix;
import static io.lmcache.backend.redis.RedisFixture.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The ways in which servers stand: a cluster, by TLS, behind sentinels; and what a diagnosis tells of them. */
@Tag("slow")
class RedisDeploymentTest {
    private static final List<ChunkKey> KEYS = TestChunks.keys(60);

    @TempDir
    private Path folder;

    private final List<RedisProcess> started = new ArrayList<>();

    private RedisProcess start(String... arguments) throws IOException {
        RedisProcess server = RedisProcess.start(Files.createTempDirectory(folder, "server"), arguments);
        started.add(server);
        return server;
    }

    @AfterEach
    void stop() {
        started.forEach(RedisProcess::close);
    }

    private List<RedisProcess> cluster() throws IOException {
        RedisProcess.assumeInstalled();
        assumeTrue(RedisProcess.isInstalled("redis-cli"), "there is no redis-cli; install the package redis-tools");
        List<RedisProcess> nodes = new ArrayList<>();
        List<String> command = new ArrayList<>(List.of("redis-cli", "--cluster", "create"));
        for (int i = 0; i < 3; i++) {
            // The port of the nodes among themselves is 10000 above by default, which may be none.
            nodes.add(start(
                    "--cluster-enabled",
                    "yes",
                    "--cluster-port",
                    Integer.toString(RedisProcess.freePort()),
                    "--cluster-node-timeout",
                    "2000"));
        }
        nodes.forEach(node -> command.add("127.0.0.1:" + node.port()));
        command.add("--cluster-yes");
        run(command);
        for (RedisProcess node : nodes) {
            eventually(
                    "the cluster is complete",
                    () -> node.command("CLUSTER", "INFO").contains("cluster_state:ok"));
        }
        return nodes;
    }

    private static void run(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
        assertThat(process.exitValue()).as(output).isZero();
    }

    @Test
    void aClusterIsOneStoreByAnyOfItsNodes() throws IOException {
        List<RedisProcess> nodes = cluster();
        try (StorageBackend backend = open(nodes.get(0).url());
                StorageBackend other =
                        open("redis://127.0.0.1:1,127.0.0.1:" + nodes.get(2).port())) {
            for (ChunkKey key : KEYS) {
                assertThat(put(backend, key)).isEqualTo(PutOutcome.stored());
            }
            for (RedisProcess node : nodes) {
                assertThat(node.command("DBSIZE")).isNotEqualTo(":0\r\n");
            }
            assertThat(prefix(backend, TestChunks.keys(61))).isEqualTo(60);
            eventually("the second address answers", () -> prefix(other, KEYS) == 60);
            for (ChunkKey key : KEYS) {
                eventually("a get succeeds", () -> holds(other, key));
            }
            backend.clear();
            assertThat(prefix(backend, KEYS)).isZero();
        }
    }

    @Test
    void whatANodeOfAClusterHadIsAMissWhileItIsGoneAndTheOthersServe() throws IOException {
        List<RedisProcess> nodes = cluster();
        nodes.forEach(node -> node.command("CONFIG", "SET", "cluster-require-full-coverage", "no"));
        try (StorageBackend backend = open(nodes.get(0).url())) {
            for (ChunkKey key : KEYS) {
                put(backend, key);
            }
            nodes.get(2).kill();
            int found = 0;
            for (ChunkKey key : KEYS) {
                found += foundOrFailed(backend, key) ? 1 : 0;
            }
            assertThat(found).isBetween(1, 59);
        }
    }

    private static boolean foundOrFailed(StorageBackend backend, ChunkKey key) {
        try {
            return holds(backend, key);
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void slotsThatMoveAreFoundAtTheirNewNode() throws IOException {
        List<RedisProcess> nodes = cluster();
        try (StorageBackend backend = open(nodes.get(0).url())) {
            for (ChunkKey key : KEYS) {
                put(backend, key);
            }
            String from =
                    nodes.get(0).command("CLUSTER", "MYID").lines().toList().get(1);
            String to = nodes.get(1).command("CLUSTER", "MYID").lines().toList().get(1);
            run(List.of(
                    "redis-cli",
                    "--cluster",
                    "reshard",
                    "127.0.0.1:" + nodes.get(0).port(),
                    "--cluster-from",
                    from,
                    "--cluster-to",
                    to,
                    "--cluster-slots",
                    "2000",
                    "--cluster-yes"));
            eventually("all are found again", () -> prefix(backend, KEYS) == 60);
            for (ChunkKey key : KEYS) {
                assertThat(holds(backend, key)).isTrue();
            }
        }
    }

    @Test
    void tlsWithACertificateOfOnesOwn() throws IOException {
        assumeTrue(RedisProcess.isInstalled("openssl"), "there is no openssl");
        Path key = folder.resolve("key.pem");
        Path certificate = folder.resolve("cert.pem");
        run(List.of(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-keyout",
                key.toString(),
                "-out",
                certificate.toString()));
        int port = RedisProcess.freePort();
        start(
                "--tls-port",
                Integer.toString(port),
                "--tls-cert-file",
                certificate.toString(),
                "--tls-key-file",
                key.toString(),
                "--tls-ca-cert-file",
                certificate.toString(),
                "--tls-auth-clients",
                "yes");
        String url = "rediss://localhost:" + port;
        try (StorageBackend backend = open(
                url,
                "ca_file",
                certificate.toString(),
                "cert_file",
                certificate.toString(),
                "key_file",
                key.toString())) {
            assertThat(put(backend, KEYS.getFirst())).isEqualTo(PutOutcome.stored());
            assertThat(holds(backend, KEYS.getFirst())).isTrue();
        }
        // Not trusted; for another host; without a certificate of the client's.
        try (StorageBackend untrusted = open(url, "cert_file", certificate.toString(), "key_file", key.toString());
                StorageBackend otherHost = open(
                        "rediss://127.0.0.1:" + port,
                        "ca_file",
                        certificate.toString(),
                        "cert_file",
                        certificate.toString(),
                        "key_file",
                        key.toString());
                StorageBackend nameless = open(url, "ca_file", certificate.toString())) {
            for (StorageBackend refused : List.of(untrusted, otherHost, nameless)) {
                assertThatThrownBy(() -> holds(refused, KEYS.getFirst())).isInstanceOf(IOException.class);
            }
        }
        try (StorageBackend unchecked = open(
                "rediss://127.0.0.1:" + port,
                "tls_check",
                "ca",
                "ca_file",
                certificate.toString(),
                "cert_file",
                certificate.toString(),
                "key_file",
                key.toString())) {
            assertThat(holds(unchecked, KEYS.getFirst())).isTrue();
        }
    }

    @Test
    void sentinelsLeadToTheMasterAndToItsSuccessor() throws IOException {
        RedisProcess first = start();
        RedisProcess second = start("--replicaof", "127.0.0.1 " + first.port());
        Path configuration = folder.resolve("sentinel.conf");
        Files.writeString(
                configuration,
                "sentinel monitor mymaster 127.0.0.1 " + first.port() + " 1\n"
                        + "sentinel down-after-milliseconds mymaster 1000\n"
                        + "sentinel failover-timeout mymaster 5000\n");
        RedisProcess sentinel = start(configuration.toString(), "--sentinel");
        eventually(
                "the replica follows",
                () -> first.command("INFO", "replication").contains("connected_slaves:1"));
        eventually(
                "the sentinel knows it",
                () -> sentinel.command("SENTINEL", "MASTER", "mymaster").contains("num-slaves\r\n$1\r\n1"));
        try (StorageBackend backend =
                open("redis-sentinel://127.0.0.1:" + sentinel.port() + "/mymaster", "timeout_secs", "2")) {
            eventually("a put succeeds", () -> put(backend, KEYS.getFirst()) instanceof PutOutcome.Stored);
            assertThat(holds(backend, KEYS.getFirst())).isTrue();
            first.kill();
            eventually(
                    "the successor takes over",
                    () -> second.command("INFO", "replication").contains("role:master"));
            eventually("a put succeeds", () -> put(backend, KEYS.get(1)) instanceof PutOutcome.Stored);
            assertThat(second.command("EXISTS", new ChunkNames("lmcache").of(KEYS.get(1))))
                    .isEqualTo(":1\r\n");
        }
    }

    @Test
    void aDiagnosisTellsWhatTheServerIsAndLeavesNothingThere() throws IOException {
        RedisProcess server = start("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru");
        List<Finding> findings = diagnose(server.url());
        assertThat(findings).allMatch(finding -> finding.status() == Status.OK);
        assertThat(findings).extracting(Finding::topic).containsExactly("server", "memory", "trial");
        assertThat(findings.getFirst().text()).contains("127.0.0.1:" + server.port(), "mode standalone");
        assertThat(server.command("DBSIZE")).isEqualTo(":0\r\n");

        server.command("CONFIG", "SET", "maxmemory-policy", "noeviction");
        assertThat(diagnose(server.url()).get(1).remedy()).contains("allkeys-lru");
        server.command("CONFIG", "SET", "maxmemory", "0");
        assertThat(diagnose(server.url()).get(1).text()).contains("not set");
    }

    @Test
    void aDiagnosisOfAServerThatIsAbsentSaysSo() {
        assertThat(diagnose("redis://127.0.0.1:" + RedisProcess.freePort()))
                .singleElement()
                .satisfies(finding -> {
                    assertThat(finding.status()).isEqualTo(Status.FAILURE);
                    assertThat(finding.remedy()).contains("start the server");
                });
    }

    private static List<Finding> diagnose(String url) {
        return new RedisBackendProvider().diagnose(BackendSettings.of("redis", Map.of("remote_url", url)), CONTEXT);
    }
}
