package io.lmcache.core.wiring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import io.lmcache.api.spi.ForwardingBackend;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.api.spi.StorageBackendProvider;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.diagnosis.BackendDiagnosis;
import io.lmcache.core.diagnosis.StackDiagnosis;
import io.lmcache.core.storage.MemoryTier;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class TierDoctorTest {
    private static final Finding OK = Finding.ok("all", "fine");
    private static final Finding NO_GPU = Finding.problem("driver", "no driver", "install one");
    private static final Finding READ_ONLY = Finding.problem("directory", "read-only", "remount it");

    private final Map<String, Function<BackendSettings, List<Finding>>> backends = new HashMap<>(Map.of(
            "cpu", _ -> List.of(OK),
            "gds", _ -> List.of(OK),
            "posix", _ -> List.of(OK)));
    private final Map<String, Supplier<StorageBackend>> starts = new HashMap<>();
    private final List<String> closed = new ArrayList<>();
    private Duration limit = Duration.ofSeconds(20);

    private StackDiagnosis diagnose(Map<String, ?> settings) {
        List<StorageBackendProvider> providers = backends.entrySet().stream()
                .<StorageBackendProvider>map(
                        backend -> new Provider(backend.getKey(), backend.getValue(), () -> start(backend.getKey())))
                .toList();
        return new TierDoctor(
                        LmcacheConfig.of(settings),
                        new BackendRegistry(providers),
                        new BackendContext("test", Clock.systemUTC()),
                        limit)
                .diagnose();
    }

    private StorageBackend start(String name) {
        Supplier<StorageBackend> start = starts.get(name);
        if (start == null) {
            throw new AssertionError("'" + name + "' is tried by its diagnosis");
        }
        return new ForwardingBackend(start.get()) {
            @Override
            public void close() {
                closed.add(name);
                super.close();
            }
        };
    }

    private static List<String> used(StackDiagnosis diagnosis) {
        return diagnosis.backends().stream()
                .filter(BackendDiagnosis::used)
                .map(BackendDiagnosis::backend)
                .toList();
    }

    @Test
    void aFileTierIsServedByGdsWhereThatWorks() {
        StackDiagnosis diagnosis = diagnose(Map.of("gds_path", "/data"));
        assertThat(diagnosis.works()).isTrue();
        assertThat(used(diagnosis)).containsExactly("cpu", "gds");
        assertThat(diagnosis.fileTier().text()).contains("'gds'");
    }

    @Test
    void aFileTierIsServedByPosixWhereGdsHasAProblemWhichIsToldWithItsRemedy() {
        backends.put("gds", _ -> List.of(OK, NO_GPU));
        StackDiagnosis diagnosis = diagnose(Map.of("gds_path", "/data"));
        assertThat(diagnosis.works()).isTrue();
        assertThat(used(diagnosis)).containsExactly("cpu", "posix");
        assertThat(diagnosis.fileTier().status()).isEqualTo(Status.NOTE);
        assertThat(diagnosis.fileTier().text()).contains("'posix'", "no driver");
        assertThat(diagnosis.fileTier().remedy()).isEqualTo("install one");
    }

    @Test
    void notesKeepNoTierFromBeingUsed() {
        backends.put("gds", _ -> List.of(Finding.note("path", "slow", "be faster")));
        assertThat(used(diagnose(Map.of("gds_path", "/data")))).containsExactly("cpu", "gds");
    }

    @Test
    void whereCufileIsRequiredPosixIsNoWayOut() {
        backends.put("gds", _ -> List.of(NO_GPU));
        StackDiagnosis diagnosis = diagnose(Map.of("gds_path", "/data", "use_cufile", "true"));
        assertThat(diagnosis.works()).isFalse();
        assertThat(used(diagnosis)).containsExactly("cpu");
        assertThat(diagnosis.fileTier().text()).contains("use_cufile is true", "no driver");
        assertThat(diagnosis.fileTier().remedy()).contains("install one", "set use_cufile to auto");
    }

    @Test
    void aTierThatStartsAndThenFailsIsUsedAllTheSameAndDoesNotWork() {
        backends.put("gds", _ -> List.of(Finding.failure("path", "no copies", "replace it")));
        StackDiagnosis diagnosis = diagnose(Map.of("gds_path", "/data"));
        assertThat(diagnosis.works()).isFalse();
        assertThat(used(diagnosis)).containsExactly("cpu", "gds");
        assertThat(diagnosis.fileTier())
                .isEqualTo(Finding.failure(
                        "gds_path", "served by tier 'gds', which starts and then fails: no copies", "replace it"));
    }

    @Test
    void posixServesWhatGdsDoesNotStartForWhateverElseFailsThere() {
        backends.put("gds", _ -> List.of(Finding.failure("path", "no copies", "replace it"), NO_GPU));
        StackDiagnosis diagnosis = diagnose(Map.of("gds_path", "/data"));
        assertThat(diagnosis.works()).isTrue();
        assertThat(diagnosis.fileTier().text()).contains("'posix'", "no driver");
    }

    @Test
    void aDirectoryThatNoTierCanUseIsAProblem() {
        backends.put("gds", _ -> List.of(NO_GPU));
        backends.put("posix", _ -> List.of(READ_ONLY));
        StackDiagnosis diagnosis = diagnose(Map.of("gds_path", "/data"));
        assertThat(diagnosis.works()).isFalse();
        assertThat(diagnosis.fileTier().text()).contains("no tier can serve it", "read-only");
        assertThat(diagnosis.fileTier().remedy()).isEqualTo("remount it");
    }

    @Test
    void withoutAPathTheMachineIsExaminedAllTheSame() {
        backends.put("gds", settings -> {
            assertThat(settings.given(SharedOptions.GDS_PATH)).isEmpty();
            return List.of(NO_GPU);
        });
        backends.remove("posix");
        StackDiagnosis diagnosis = diagnose(Map.of());
        assertThat(diagnosis.works()).isTrue();
        assertThat(used(diagnosis)).containsExactly("cpu");
        assertThat(diagnosis.backends()).contains(new BackendDiagnosis("gds", false, List.of(NO_GPU)));
        assertThat(diagnosis.fileTier().text()).contains("not set");
    }

    @Test
    void aProblemOfTheHostTierIsAProblemOfTheStack() {
        backends.put("cpu", _ -> List.of(Finding.problem("memory", "none", "buy some")));
        assertThat(diagnose(Map.of("gds_path", "/data")).works()).isFalse();
        assertThat(diagnose(Map.of("gds_path", "/data", "local_cpu", "false")).works())
                .isTrue();
    }

    @Test
    void pluginsAreAskedWithTheirOwnSettings() {
        backends.put("mine", settings -> List.of(Finding.problem("mine", settings.toString(), "")));
        StackDiagnosis diagnosis = diagnose(Map.of("storage_plugins", "mine", "mine", Map.of("colour", "red")));
        assertThat(diagnosis.works()).isFalse();
        assertThat(diagnosis.backends().getLast().findings().getFirst().text()).contains("colour=red");
    }

    @Test
    void aPluginThatSaysNothingOfItselfIsStartedAndClosed() {
        backends.put("mine", _ -> List.of());
        starts.put("mine", () -> MemoryTier.memory(1 << 16));
        StackDiagnosis diagnosis = diagnose(Map.of("storage_plugins", "mine"));
        assertThat(diagnosis.works()).isTrue();
        assertThat(diagnosis.backends().getLast())
                .isEqualTo(
                        new BackendDiagnosis("mine", true, List.of(Finding.ok("start", "starts, as backend 'mine'"))));
        assertThat(closed).containsExactly("mine");
    }

    @Test
    void aPluginThatCannotStartIsAProblemOfTheStack() {
        backends.put("mine", _ -> List.of(OK));
        starts.put("mine", () -> {
            throw new LmcacheException(ErrorCode.START_FAILED, "the shelf is full; empty it");
        });
        StackDiagnosis diagnosis = diagnose(Map.of("storage_plugins", "mine"));
        assertThat(diagnosis.works()).isFalse();
        assertThat(diagnosis.backends().getLast().findings())
                .containsExactly(OK, Finding.problem("start", "the shelf is full; empty it", ""));
    }

    @Test
    void aPluginThatThrowsAnythingIsAProblemOfTheStackToo() {
        backends.put("mine", _ -> List.of());
        starts.put("mine", () -> {
            throw new LinkageError("no such class");
        });
        StackDiagnosis diagnosis = diagnose(Map.of("storage_plugins", "mine"));
        assertThat(diagnosis.works()).isFalse();
        assertThat(diagnosis.backends().getLast().findings().getFirst().text()).contains("no such class");
    }

    @Test
    void aStackWithoutATierDoesNotWork() {
        StackDiagnosis diagnosis = diagnose(Map.of("local_cpu", "false"));
        assertThat(diagnosis.works()).isFalse();
        assertThat(diagnosis.fileTier().text()).isEqualTo("none is configured, and a stack needs one");
        assertThat(diagnosis.fileTier().remedy()).contains("local_cpu", "gds_path", "storage_plugins");
    }

    @Test
    void theBackendOfTheRemoteUrlIsAskedWithTheUrl() {
        backends.put("shelf", settings -> List.of(Finding.ok("shelf", settings.toString())));
        starts.put("shelf", () -> MemoryTier.memory(1 << 16));
        StackDiagnosis diagnosis = diagnose(Map.of("remote_url", "shelf://cellar", "shelf", Map.of("boards", "2")));
        assertThat(used(diagnosis)).containsExactly("cpu", "shelf");
        assertThat(diagnosis.backends().getLast().findings().getFirst().text())
                .isEqualTo("shelf{boards=2, remote_url=shelf://cellar}");
    }

    @Test
    void backendsGetTheSettingsThatTheyWouldStartWith() {
        Map<String, BackendSettings> seen = new HashMap<>();
        for (String name : List.of("cpu", "gds", "posix")) {
            backends.put(name, settings -> {
                synchronized (seen) {
                    seen.put(name, settings);
                }
                return List.of(OK);
            });
        }
        diagnose(Map.of(
                "gds_path",
                "/a,/b",
                "disk_io_threads",
                "3",
                "max_local_cpu_size",
                "1",
                "fsync",
                "full",
                "file_format",
                "LMCACHE_0_5",
                "file_checksum",
                "false"));
        assertThat(seen.get("cpu")).hasToString("cpu{max_local_cpu_size=1}");
        assertThat(seen.get("gds")).hasToString("gds" + FILES);
        assertThat(seen.get("posix")).hasToString("posix" + FILES);
    }

    /** What was set, and no defaults: those are the backend's business. */
    private static final String FILES =
            "{disk_io_threads=3, file_checksum=false, file_format=LMCACHE_0_5, fsync=full, gds_path=/a,/b}";

    @Test
    void theSignOfHashesFollowsTheirAlgorithm() {
        backends.put("posix", settings -> {
            assertThat(settings).hasToString("posix{file_format=lmcache_0_5, gds_path=/a, signed_hashes=false}");
            return List.of(OK);
        });
        diagnose(Map.of(
                "gds_path", "/a",
                "file_format", "lmcache_0_5",
                "pre_caching_hash_algorithm", "sha256_cbor"));
    }

    @Test
    void aBackendThatHangsIsGivenUp() {
        CountDownLatch never = new CountDownLatch(1);
        limit = Duration.ofMillis(200);
        backends.put("cpu", _ -> {
            try {
                never.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return List.of(OK);
        });
        StackDiagnosis diagnosis = diagnose(Map.of());
        never.countDown();
        assertThat(diagnosis.works()).isFalse();
        assertThat(diagnosis.backends().getFirst().findings().getFirst().text()).contains("'cpu' was not done");
    }

    @Test
    void badSettingsOfABackendAreItsOwnError() {
        LmcacheException bad = new LmcacheException(ErrorCode.INVALID_CONFIGURATION, "no such colour");
        backends.put("cpu", _ -> {
            throw bad;
        });
        assertThatThrownBy(() -> diagnose(Map.of())).isSameAs(bad);
    }

    @Test
    void aBackendThatFailsInItsDiagnosisIsNamed() {
        backends.put("cpu", _ -> {
            throw new IllegalArgumentException("oops");
        });
        assertThatThrownBy(() -> diagnose(Map.of()))
                .hasMessageContaining("'cpu'")
                .hasRootCauseMessage("oops");
    }

    private record Provider(
            String name, Function<BackendSettings, List<Finding>> findings, Supplier<StorageBackend> start)
            implements StorageBackendProvider {
        @Override
        public List<Option<?>> options() {
            return BackendRegistry.discover()
                    .options(name.equals("cpu") ? "cpu" : "posix")
                    .orElseThrow();
        }

        @Override
        public StorageBackend create(BackendSettings settings, BackendContext context) {
            return start.get();
        }

        @Override
        public List<Finding> diagnose(BackendSettings settings, BackendContext context) {
            return findings.apply(settings);
        }
    }
}
