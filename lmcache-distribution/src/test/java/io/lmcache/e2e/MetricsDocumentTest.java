package io.lmcache.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.StorageBackend;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import io.lmcache.core.metrics.MetricNames;
import io.lmcache.server.CacheServer;
import io.lmcache.server.ServerOptions;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What docs/metrics.md says of the meters, and what the dashboard asks for, is what a server exports. */
class MetricsDocumentTest {
    private static final Path DOCUMENT = Documents.PROJECT.resolve("docs/metrics.md");
    private static final Path DASHBOARD = Documents.PROJECT.resolve("docs/grafana-dashboard.json");
    private static final Pattern ROW =
            Pattern.compile("(?m)^\\| `(lmcache\\.[^`]*)` \\|([^|]*)\\|([^|]*)\\|([^|]*)\\|");
    private static final Pattern QUOTED = Pattern.compile("`([^`]+)`");
    private static final Pattern METRIC = Pattern.compile("\\blmcache[_:][a-z_]+");

    @TempDir
    private Path directory;

    @Test
    void theTableListsEveryMeterWithItsTags() throws IOException {
        Map<String, Set<String>> documented = new TreeMap<>();
        ROW.matcher(Files.readString(DOCUMENT))
                .results()
                .forEach(row -> documented.put(row.group(1), quoted(row.group(2))));
        Map<String, Set<String>> registered = new TreeMap<>();
        withMeters(meters -> meters.getMeters().stream()
                .map(Meter::getId)
                .filter(id -> isOurs(id.getName()))
                .forEach(id -> registered.put(
                        id.getName(), id.getTags().stream().map(Tag::getKey).collect(Collectors.toSet()))));
        assertThat(documented).isEqualTo(registered);
    }

    @Test
    void theTableNamesWhatIsExportedUnderLmcachesNames() throws IOException {
        Set<String> documented = new TreeSet<>();
        for (MatchResult row : ROW.matcher(Files.readString(DOCUMENT)).results().toList()) {
            documented.addAll(quoted(row.group(3)));
            documented.addAll(quoted(row.group(4)));
        }
        Set<String> exported = new TreeSet<>();
        withMeters(meters -> meters.getMeters().stream()
                .map(Meter::getId)
                .filter(id -> !isOurs(id.getName()))
                .forEach(id -> exported.add(exportedName(id, meters))));
        assertThat(documented).isEqualTo(exported);
    }

    @Test
    void theDashboardAsksForWhatIsExported() throws IOException {
        Set<String> asked = new TreeSet<>();
        for (JsonNode expression :
                new ObjectMapper().readTree(Files.readAllBytes(DASHBOARD)).findValues("expr")) {
            METRIC.matcher(expression.asText()).results().forEach(name -> asked.add(name.group()));
        }
        assertThat(asked).isNotEmpty();
        Set<String> exported = new HashSet<>();
        withMeters(meters -> meters.scrape()
                .lines()
                .filter(line -> !line.startsWith("#"))
                .forEach(line -> exported.add(line.replaceFirst("[{ ].*", ""))));
        assertThat(exported).containsAll(asked);
    }

    private static String exportedName(Meter.Id id, PrometheusMeterRegistry meters) {
        String name = meters.config().namingConvention().name(id.getName(), id.getType());
        return id.getType() == Meter.Type.COUNTER ? name + "_total" : name;
    }

    private static boolean isOurs(String name) {
        return name.startsWith("lmcache.");
    }

    private static Set<String> quoted(String cell) {
        return QUOTED.matcher(cell).results().map(match -> match.group(1)).collect(Collectors.toSet());
    }

    private StorageBackend files() {
        return BackendRegistry.discover()
                .create(
                        "posix",
                        "posix",
                        BackendSettings.of(
                                "posix",
                                Map.of("gds_path", directory.resolve("cache").toString())),
                        new BackendContext("test", Clock.systemUTC()));
    }

    /** A server over a host tier, and below it one that counts everything that any backend counts. */
    private void withMeters(Consumer<PrometheusMeterRegistry> look) {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        ServerOptions options = new ServerOptions(
                directory.resolve("run/server.sock"), Optional.empty(), Duration.ofSeconds(5), "test");
        try (LmcacheStack stack = LmcacheStack.builder()
                        .chunkSize(16)
                        .meters(registry, MetricNames.LMCACHE)
                        .tier("cpu", Map.of("max_local_cpu_size", "1 MiB"))
                        .tier(new CountsEverything(files()))
                        .build();
                CacheServer _ = CacheServer.start(stack, options, registry)) {
            KvCache cache = stack.cache(KeyScope.of("m", KvLayout.kv(KvDtype.FLOAT, 1, 1, 64)));
            int[] prompt = IntStream.range(0, 64).toArray();
            cache.store(prompt, (_, _) -> {}).published().join();
            cache.lookup(prompt);
            cache.retrieve(prompt, (_, _) -> {});
            cache.remove(prompt);
            look.accept(registry);
        }
    }
}
