package io.lmcache.core.wiring;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.option.SharedOptions.CufileUse;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Finding;
import io.lmcache.api.spi.Finding.Status;
import io.lmcache.core.backend.BackendRegistry;
import io.lmcache.core.config.ConfigOptions;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.diagnosis.BackendDiagnosis;
import io.lmcache.core.diagnosis.StackDiagnosis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;

/** Finds out whether the tiers that {@link TierStarter} would start will work, and which. For one thread. */
public final class TierDoctor {
    private static final String GDS_PATH = SharedOptions.GDS_PATH.name();

    /** They store and load on trial, in directories of their own: starting one would make the real one. */
    private static final Set<String> TRIED_BY_THEIR_DIAGNOSIS = Set.of("cpu", "posix", "gds");

    private final LmcacheConfig config;
    private final BackendRegistry registry;
    private final BackendContext context;
    private final Duration limit;

    /**
     * A doctor for that configuration.
     *
     * @param limit how long each backend may take; storage that hangs is given up then, together with the thread that
     *     hangs in it
     */
    public TierDoctor(LmcacheConfig config, BackendRegistry registry, BackendContext context, Duration limit) {
        this.config = config;
        this.registry = registry;
        this.context = context;
        this.limit = limit;
    }

    /**
     * Asks the backends, one after another, so that the speeds that they measure are not each other's.
     *
     * @throws LmcacheException with what a backend throws for bad settings
     */
    public StackDiagnosis diagnose() {
        List<BackendDiagnosis> backends = new ArrayList<>();
        if (config.value(ConfigOptions.LOCAL_CPU)) {
            backends.add(new BackendDiagnosis("cpu", true, findings("cpu", ofTier("cpu"))));
        }
        config.diskTier()
                .ifPresent(disk -> backends.add(new BackendDiagnosis(
                        disk, true, findings(disk, config.pluginKind(disk), config.pluginSettings(disk)))));
        Finding fileTier = config.value(SharedOptions.GDS_PATH).isEmpty() ? noFileTier(backends) : fileTier(backends);
        config.remoteBackend()
                .ifPresent(remote -> backends.add(
                        new BackendDiagnosis(remote, true, started(remote, remote, config.remoteSettings(remote)))));
        for (String plugin : config.value(ConfigOptions.STORAGE_PLUGINS)) {
            backends.add(new BackendDiagnosis(
                    plugin, true, started(plugin, config.pluginKind(plugin), config.pluginSettings(plugin))));
        }
        return new StackDiagnosis(backends, fileTier);
    }

    private Finding noFileTier(List<BackendDiagnosis> backends) {
        backends.add(new BackendDiagnosis("gds", false, gdsFindings()));
        if (hasNoTier()) {
            return Finding.problem(
                    "tiers",
                    "none is configured, and a stack needs one",
                    "set local_cpu: true, gds_path, remote_url or storage_plugins");
        }
        return Finding.note(
                GDS_PATH,
                "not set: there is no file tier by it, and no directory to test",
                "set " + GDS_PATH + ", or name a directory to test as the argument");
    }

    private boolean hasNoTier() {
        return !config.value(ConfigOptions.LOCAL_CPU)
                && config.diskTier().isEmpty()
                && config.remoteBackend().isEmpty()
                && config.value(ConfigOptions.STORAGE_PLUGINS).isEmpty();
    }

    /** Both backends are asked also where the first works: what one tells of the directory holds for the other. */
    private Finding fileTier(List<BackendDiagnosis> backends) {
        List<Finding> gds = gdsFindings();
        List<Finding> posix = findings("posix", ofTier("posix"));
        boolean startsGds =
                first(gds, finding -> finding.status() == Status.PROBLEM).isEmpty();
        boolean startsPosix = !startsGds && mayUsePosix() && worst(posix).isEmpty();
        backends.add(new BackendDiagnosis("gds", startsGds, gds));
        backends.add(new BackendDiagnosis("posix", startsPosix, posix));
        return startsGds ? withGds(worst(gds)) : withoutGds(worst(gds).orElseThrow(), worst(posix));
    }

    private boolean mayUsePosix() {
        return config.value(SharedOptions.USE_CUFILE) != CufileUse.TRUE;
    }

    private static Finding withGds(Optional<Finding> failure) {
        return failure.map(found -> Finding.failure(
                        GDS_PATH, "served by tier 'gds', which starts and then fails: " + found.text(), found.remedy()))
                .orElseGet(() -> Finding.ok(GDS_PATH, "served by tier 'gds'"));
    }

    private Finding withoutGds(Finding ofGds, Optional<Finding> ofPosix) {
        if (!mayUsePosix()) {
            return Finding.problem(
                    GDS_PATH,
                    "use_cufile is true, but tier 'gds' cannot serve it: " + ofGds.text(),
                    ofGds.remedy() + "; or set use_cufile to auto");
        }
        return ofPosix.map(found -> Finding.problem(GDS_PATH, "no tier can serve it: " + found.text(), found.remedy()))
                .orElseGet(() -> Finding.note(
                        GDS_PATH, "served by tier 'posix', since tier 'gds' cannot: " + ofGds.text(), ofGds.remedy()));
    }

    /** What keeps from working; what keeps from starting, if there is both. */
    private static Optional<Finding> worst(List<Finding> findings) {
        return first(findings, finding -> finding.status() == Status.PROBLEM)
                .or(() -> first(findings, Finding::keepsFromWorking));
    }

    private static Optional<Finding> first(List<Finding> findings, Predicate<Finding> kind) {
        return findings.stream().filter(kind).findFirst();
    }

    /** Of a backend that embedders may leave out. */
    private List<Finding> gdsFindings() {
        return registry.has("gds")
                ? findings("gds", ofTier("gds"))
                : List.of(Finding.problem("backend", "not on the class path", "add lmcache-backend-gds"));
    }

    private Map<String, String> ofTier(String name) {
        return config.tierSettings(registry.options(name).orElse(List.of()));
    }

    private List<Finding> findings(String backend, Map<String, String> own) {
        return findings(backend, backend, own);
    }

    /** Of a backend that may have nothing to say of itself: whether it starts, too. */
    private List<Finding> started(String tier, String kind, Map<String, String> own) {
        BackendSettings settings = BackendSettings.of(tier, own);
        return within(limit, tier, () -> {
            List<Finding> findings = new ArrayList<>(registry.diagnose(kind, settings, context));
            if (!TRIED_BY_THEIR_DIAGNOSIS.contains(kind) && worst(findings).isEmpty()) {
                findings.add(start(tier, kind, settings));
            }
            return findings;
        });
    }

    private Finding start(String tier, String kind, BackendSettings settings) {
        try {
            registry.create(tier, kind, settings, context).close();
            return Finding.ok("start", "starts, as backend '" + kind + "'");
        } catch (LmcacheException e) {
            return Finding.problem("start", String.valueOf(e.getMessage()), "");
        }
    }

    private List<Finding> findings(String tier, String kind, Map<String, String> own) {
        return within(limit, tier, () -> registry.diagnose(kind, BackendSettings.of(tier, own), context));
    }

    private static List<Finding> within(Duration limit, String tier, Callable<List<Finding>> examination) {
        FutureTask<List<Finding>> task = new FutureTask<>(examination);
        Thread.ofPlatform().daemon().name("lmcache-diagnose-" + tier).start(task);
        try {
            return task.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            return List.of(Finding.failure(
                    "time",
                    "tier '" + tier + "' was not done after " + limit.toSeconds() + " seconds",
                    "see whether its storage or its device hangs"));
        } catch (ExecutionException e) {
            throw unwrapped(tier, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LmcacheException(ErrorCode.TIMEOUT, "The diagnosis of '" + tier + "' was interrupted", e);
        }
    }

    private static RuntimeException unwrapped(String backend, ExecutionException e) {
        return e.getCause() instanceof LmcacheException cause
                ? cause
                : new IllegalStateException("Backend '" + backend + "' failed in its diagnosis", e.getCause());
    }
}
