package io.lmcache.core.config;

import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.core.hash.HashSeed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What no single option can say: defaults that depend on others, and settings that do not go together. For one thread. */
final class StackChecks {
    private final Map<String, Setting> settings;
    private final OptionTable options;
    private final PluginTiers plugins;
    private final ByteSize machineMemory;
    private final Findings findings;
    private final List<TierView> views = new ArrayList<>();

    StackChecks(
            Map<String, Setting> settings,
            OptionTable options,
            PluginTiers plugins,
            ByteSize machineMemory,
            Findings findings) {
        this.settings = settings;
        this.options = options;
        this.plugins = plugins;
        this.machineMemory = machineMemory;
        this.findings = findings;
        views.add(new TierView("", options.all(), settings));
        plugins.names()
                .forEach(tier -> views.add(new TierView(
                        tier + ".", options.ofBackend(plugins.kind(tier)).orElse(List.of()), settings)));
    }

    /** A directory is shared with LMCache by those only who name chunks as it does. */
    void chooseDefaults() {
        Option<HashAlgorithm> option = ConfigOptions.PRE_CACHING_HASH_ALGORITHM;
        views.stream()
                .filter(view -> !isNative(view))
                .flatMap(view -> view.text(TierOptions.FILE_FORMAT).stream())
                .findFirst()
                .map(format -> HashAlgorithm.thatName(format).getFirst())
                .ifPresent(usual -> views.getFirst().setDefault(option.name(), option.print(usual)));
        value(option)
                .filter(algorithm -> algorithm != HashAlgorithm.BUILTIN)
                .ifPresent(_ -> views.stream()
                        .filter(view -> !isNative(view))
                        .forEach(view -> view.setDefault(TierOptions.SIGNED_HASHES, "false")));
    }

    private static boolean isNative(TierView view) {
        return view.text(TierOptions.FILE_FORMAT).orElse("native").equals("native");
    }

    void run() {
        checkNames();
        checkKinds();
        checkRemote();
        checkMemory();
        checkLayerwise();
        checkDisk();
        views.forEach(this::checkHash);
        checkHashSeed();
        views.forEach(this::checkChecksum);
    }

    /** The tiers that are not named in {@code storage_plugins}, each with what makes them. */
    private Map<String, String> ownTiers() {
        Map<String, String> tiers = new LinkedHashMap<>();
        if (value(ConfigOptions.LOCAL_CPU).orElse(true)) {
            tiers.put("cpu", ConfigOptions.LOCAL_CPU.name());
        }
        if (value(SharedOptions.GDS_PATH).filter(paths -> !paths.isEmpty()).isPresent()) {
            tiers.put("gds", SharedOptions.GDS_PATH.name());
            tiers.put("posix", SharedOptions.GDS_PATH.name());
        }
        if (LocalDisk.isIn(settings)) {
            tiers.put(LocalDisk.TIER, ConfigOptions.LOCAL_DISK.name());
        }
        value(SharedOptions.REMOTE_URL)
                .flatMap(Function.identity())
                .flatMap(options::backendFor)
                .ifPresent(backend -> tiers.put(backend, SharedOptions.REMOTE_URL.name()));
        return tiers;
    }

    private void checkNames() {
        Map<String, String> own = ownTiers();
        for (String tier : value(ConfigOptions.STORAGE_PLUGINS).orElse(List.of())) {
            String subject = ConfigOptions.STORAGE_PLUGINS + " (" + origin(ConfigOptions.STORAGE_PLUGINS.name())
                    + ") names a tier '" + tier + "', ";
            if (options.named(tier).isPresent()) {
                findings.problem(subject + "which is the name of a setting; give it another");
            } else if (own.containsKey(tier)) {
                findings.problem(subject + "which is also the name of the tier that " + own.get(tier)
                        + " makes; give it another, and " + ConfigOptions.KIND + ": " + plugins.kind(tier)
                        + " in its map");
            }
        }
    }

    private void checkKinds() {
        for (String tier : plugins.names()) {
            Setting kind = settings.get(tier + "." + ConfigOptions.KIND);
            if (kind != null && plugins.isKind(tier, ConfigOptions.KIND.name())) {
                options.objectionTo(plugins.kind(tier)).ifPresent(objection -> {
                    String hint = KnownNames.nearest(plugins.kind(tier), options.backends().stream())
                            .map(near -> ", did you mean " + near + "?")
                            .orElse(":");
                    findings.problem("%s is '%s' (%s)%s %s"
                            .formatted(kind.writtenAs(), kind.text(), kind.origin(), hint, objection));
                });
            }
        }
    }

    private void checkRemote() {
        value(SharedOptions.REMOTE_URL)
                .flatMap(Function.identity())
                .flatMap(url -> RemoteStores.objectionTo(url, origin(SharedOptions.REMOTE_URL.name()), options))
                .ifPresent(findings::problem);
    }

    private void checkMemory() {
        for (TierView view : views) {
            boolean isUsed =
                    !view.prefix().isEmpty() || value(ConfigOptions.LOCAL_CPU).orElse(true);
            if (isUsed) {
                checkFits(view, TierOptions.MAX_LOCAL_CPU_SIZE);
            }
        }
        checkFits(views.getFirst(), ConfigOptions.MAX_BYTES_IN_FLIGHT.name());
    }

    private void checkFits(TierView view, String name) {
        Optional<Setting> setting = view.setting(name);
        if (setting.isPresent()
                && view.option(name).orElseThrow().parse(setting.get().text()).orElse(null) instanceof ByteSize asked
                && asked.compareTo(machineMemory) > 0) {
            findings.problem("%s is %s (%s), but this machine has %s of memory; lower it"
                    .formatted(setting.get().writtenAs(), asked, setting.get().origin(), machineMemory));
        }
    }

    private void checkLayerwise() {
        Setting setting = settings.get(ConfigOptions.USE_LAYERWISE.name());
        if (setting != null && value(ConfigOptions.USE_LAYERWISE).orElse(false)) {
            findings.unused(new Given(setting.writtenAs(), setting.text(), setting.origin()));
        }
    }

    private void checkDisk() {
        Setting path = settings.get(ConfigOptions.LOCAL_DISK.name());
        boolean isNamed = value(ConfigOptions.LOCAL_DISK)
                .filter(paths -> !paths.isEmpty())
                .isPresent();
        if (path != null && isNamed && !LocalDisk.isIn(settings)) {
            findings.warning(ConfigOptions.LOCAL_DISK + " (" + path.origin() + ") makes no tier: "
                    + ConfigOptions.MAX_LOCAL_DISK_SIZE
                    + " is 0, as it is unless somebody sets it, and then LMCache has no"
                    + " room on disk, either; set it to the GB that chunks may take");
        }
    }

    private void checkHash(TierView view) {
        Option<HashAlgorithm> option = ConfigOptions.PRE_CACHING_HASH_ALGORITHM;
        Optional<HashAlgorithm> algorithm = value(option);
        Optional<String> format = view.text(TierOptions.FILE_FORMAT);
        if (algorithm.isEmpty()
                || format.isEmpty()
                || HashAlgorithm.thatName(format.get()).contains(algorithm.get())) {
            return;
        }
        String hashes =
                HashAlgorithm.thatName(format.get()).stream().map(option::print).collect(Collectors.joining(" or "));
        findings.warning("%s is %s, but %s is %s: no LMCache names the files of that format so, and neither side finds"
                        .formatted(
                                view.nameOf(TierOptions.FILE_FORMAT),
                                format.get(),
                                option,
                                option.print(algorithm.get()))
                + " what the other stores; set " + option + " to " + hashes);
    }

    private void checkChecksum(TierView view) {
        boolean isUnchecked =
                view.text(TierOptions.FILE_CHECKSUM).orElse("true").equals("false") && !isNative(view);
        if (isUnchecked && view.text(TierOptions.FSYNC).orElse("none").equals("none")) {
            findings.warning(
                    "%s is false and %s is none: after a power cut a file can have wrong bytes that nobody notices;"
                                    .formatted(view.nameOf(TierOptions.FILE_CHECKSUM), view.nameOf(TierOptions.FSYNC))
                            + " set one of them to another value");
        }
    }

    private void checkHashSeed() {
        Optional<HashSeed> seed = value(ConfigOptions.HASH_SEED);
        Optional<HashAlgorithm> algorithm = value(ConfigOptions.PRE_CACHING_HASH_ALGORITHM);
        if (algorithm.isEmpty() || seed.isEmpty()) {
            return;
        }
        String choice = ConfigOptions.PRE_CACHING_HASH_ALGORITHM + " is "
                + ConfigOptions.PRE_CACHING_HASH_ALGORITHM.print(algorithm.get());
        Setting setting = settings.get(ConfigOptions.HASH_SEED.name());
        if (algorithm.get().isSeeded()) {
            if (seed.get() instanceof HashSeed.Random) {
                findings.warning(choice + " and its seed is random: no other process, and no later one, finds what this"
                        + " one stores; set hash_seed, or PYTHONHASHSEED, to one number for all");
            }
        } else if (setting != null && !EnvironmentVariables.isPythons(setting.origin())) {
            findings.warning(ConfigOptions.HASH_SEED + " (" + setting.origin() + ") has no effect: " + choice
                    + ", which has no seed");
        }
    }

    /** The value of an option at the top level; empty when it is not allowed. */
    private <T> Optional<T> value(Option<T> option) {
        Setting setting = settings.get(option.name());
        return setting == null ? Optional.of(option.defaultValue()) : option.parse(setting.text());
    }

    private ConfigOrigin origin(String name) {
        Setting setting = settings.get(name);
        return setting == null ? new ConfigOrigin.Default() : setting.origin();
    }
}
