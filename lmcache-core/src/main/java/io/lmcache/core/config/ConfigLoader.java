package io.lmcache.core.config;

import com.sun.management.OperatingSystemMXBean;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.core.hash.HashSeed;
import io.lmcache.core.storage.BackendRegistry;
import java.lang.management.ManagementFactory;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.commons.configuration2.CompositeConfiguration;
import org.apache.commons.configuration2.MapConfiguration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the configuration: defaults, over them the YAML file named by {@code LMCACHE_CONFIG_FILE}, over it the
 * environment variables {@code LMCACHE_*}, over them what the embedding program sets. They replace each other setting by
 * setting, the entries of {@code extra_config} and of a plugin's map included. As in LMCache, {@code PYTHONHASHSEED} says
 * what the hash seed is where none of them does.
 *
 * <p>A null in a file and a blank variable count as not set. Thread-safe.
 */
public final class ConfigLoader {
    private static final Logger LOG = LoggerFactory.getLogger(ConfigLoader.class);

    private final Map<String, String> environment;
    private final Map<String, ?> code;
    private final OptionTable options;
    private final ByteSize machineMemory;
    private final Findings findings = new Findings();

    private ConfigLoader(
            Map<String, String> environment, Map<String, ?> code, OptionTable options, ByteSize machineMemory) {
        this.environment = environment;
        this.code = code;
        this.options = options;
        this.machineMemory = machineMemory;
    }

    /**
     * The configuration made of all sources. What has no effect is logged and listed in {@link LmcacheConfig#warnings}.
     *
     * @param environment the environment variables; those of other names are ignored
     * @param code values by option name: texts, numbers, booleans, paths, lists of these, and maps for plugins
     * @throws LmcacheException with {@link ErrorCode#INVALID_CONFIGURATION} and all problems
     */
    public static LmcacheConfig load(Map<String, String> environment, Map<String, ?> code) {
        OptionTable options = new OptionTable(BackendRegistry.discover());
        LmcacheConfig config = load(environment, code, options, machineMemory());
        config.warnings().forEach(LOG::warn);
        return config;
    }

    static LmcacheConfig load(
            Map<String, String> environment, Map<String, ?> code, OptionTable options, ByteSize machineMemory) {
        return new ConfigLoader(environment, code, options, machineMemory).load();
    }

    /**
     * A backend's own settings as code gives them, checked as those of a configuration are.
     *
     * @param settings values by the names of the backend's options, in the types that {@link #load} takes
     * @throws LmcacheException with {@link ErrorCode#INVALID_CONFIGURATION} and all problems
     */
    public static BackendSettings backendSettings(String backend, Map<String, ?> settings, BackendRegistry backends) {
        OptionTable options = new OptionTable(backends);
        Given given = new Given(backend, settings, new ConfigOrigin.Code());
        Findings findings = new Findings();
        Map<String, Setting> resolved =
                new SettingResolver(List.of(backend), options, findings).resolve(List.of(given));
        options.ofBackend(backend)
                .orElse(List.of())
                .forEach(option -> check(option, resolved.get(backend + "." + option), findings));
        findings.throwProblems();
        return BackendSettings.of(backend, new LmcacheConfig(resolved, options, List.of()).pluginSettings(backend));
    }

    private LmcacheConfig load() {
        Map<String, Setting> settings = layered(sources());
        chooseHash(settings);
        options.all().forEach(option -> check(option, settings.get(option.name()), findings));
        checkPlugins(settings);
        checkMemory(settings);
        checkLayerwise(settings);
        checkHash(settings);
        checkHashSeed(settings);
        checkChecksum(settings);
        findings.throwProblems();
        return new LmcacheConfig(settings, options, findings.warnings());
    }

    /** The settings of all sources, strongest first. */
    private List<List<Given>> sources() {
        EnvironmentVariables variables = new EnvironmentVariables(environment, options, findings);
        return List.of(
                Given.listOf(code, new ConfigOrigin.Code(), findings),
                variables.settings(),
                variables.configFile().map(this::fileSettings).orElse(List.of()),
                variables.pythonSettings());
    }

    private List<Given> fileSettings(String name) {
        try {
            Path file = Path.of(name.strip());
            return Given.listOf(YamlFile.read(file, findings), new ConfigOrigin.File(file), findings);
        } catch (InvalidPathException e) {
            findings.problem(
                    EnvironmentVariables.CONFIG_FILE + " is '" + name + "', which is not a path: " + e.getReason());
            return List.of();
        }
    }

    private Map<String, Setting> layered(List<List<Given>> sources) {
        SettingResolver resolver = new SettingResolver(plugins(sources), options, findings);
        CompositeConfiguration layers = new CompositeConfiguration();
        sources.forEach(source -> layers.addConfiguration(new MapConfiguration(resolver.resolve(source))));
        Map<String, Setting> settings = new HashMap<>();
        layers.getKeys().forEachRemaining(name -> settings.put(name, (Setting) layers.getProperty(name)));
        return settings;
    }

    /** The backends whose settings are maps under their names: which names are known depends on them. */
    private List<String> plugins(List<List<Given>> sources) {
        List<String> plugins =
                new ArrayList<>(given(ConfigOptions.STORAGE_PLUGINS, sources).orElse(List.of()));
        given(SharedOptions.REMOTE_URL, sources)
                .flatMap(Function.identity())
                .flatMap(options::backendFor)
                .ifPresent(plugins::add);
        return plugins;
    }

    private static <T> Optional<T> given(Option<T> option, List<List<Given>> sources) {
        return sources.stream()
                .flatMap(List::stream)
                .filter(given -> OptionTable.names(option).anyMatch(given.name()::equals))
                .findFirst()
                .flatMap(given -> SettingResolver.text(given.value()))
                .flatMap(option::parse);
    }

    private static void check(Option<?> option, @Nullable Setting setting, Findings findings) {
        if (setting != null) {
            option.problem(setting.text())
                    .ifPresent(problem -> findings.problem("%s is '%s' (%s), %s"
                            .formatted(
                                    setting.writtenAs(),
                                    OptionType.withoutPassword(setting.text()),
                                    setting.origin(),
                                    problem)));
        }
    }

    private void checkPlugins(Map<String, Setting> settings) {
        value(ConfigOptions.STORAGE_PLUGINS, settings).orElse(List.of()).forEach(plugin -> checkOwn(plugin, settings));
        value(SharedOptions.REMOTE_URL, settings).flatMap(Function.identity()).ifPresent(url -> {
            options.backendFor(url).ifPresent(backend -> checkOwn(backend, settings));
            RemoteStores.objectionTo(url, origin(SharedOptions.REMOTE_URL, settings), options)
                    .ifPresent(findings::problem);
        });
    }

    private void checkOwn(String backend, Map<String, Setting> settings) {
        options.ofBackend(backend)
                .orElse(List.of())
                .forEach(option -> check(option, settings.get(backend + "." + option), findings));
    }

    private static ConfigOrigin origin(Option<?> option, Map<String, Setting> settings) {
        Setting setting = settings.get(option.name());
        return setting == null ? new ConfigOrigin.Default() : setting.origin();
    }

    /** A directory is shared with LMCache by those only who name chunks as it does. */
    private void chooseHash(Map<String, Setting> settings) {
        Option<HashAlgorithm> option = ConfigOptions.PRE_CACHING_HASH_ALGORITHM;
        text(TierOptions.FILE_FORMAT, settings)
                .map(format -> HashAlgorithm.thatName(format).getFirst())
                .ifPresent(usual -> setDefault(option.name(), option.print(usual), settings));
        value(option, settings)
                .filter(algorithm -> algorithm != HashAlgorithm.BUILTIN)
                .ifPresent(_ -> setDefault(TierOptions.SIGNED_HASHES, "false", settings));
    }

    private static void setDefault(String name, String text, Map<String, Setting> settings) {
        settings.putIfAbsent(name, new Setting(text, name, new ConfigOrigin.Default()));
    }

    private void checkHash(Map<String, Setting> settings) {
        Option<HashAlgorithm> option = ConfigOptions.PRE_CACHING_HASH_ALGORITHM;
        Optional<HashAlgorithm> algorithm = value(option, settings);
        Optional<String> format = text(TierOptions.FILE_FORMAT, settings);
        if (algorithm.isEmpty()
                || format.isEmpty()
                || HashAlgorithm.thatName(format.get()).contains(algorithm.get())) {
            return;
        }
        String hashes =
                HashAlgorithm.thatName(format.get()).stream().map(option::print).collect(Collectors.joining(" or "));
        findings.warning("%s is %s, but %s is %s: no LMCache names the files of that format so, and neither side finds"
                        .formatted(TierOptions.FILE_FORMAT, format.get(), option, option.print(algorithm.get()))
                + " what the other stores; set " + option + " to " + hashes);
    }

    private void checkMemory(Map<String, Setting> settings) {
        if (value(ConfigOptions.LOCAL_CPU, settings).orElse(true)) {
            options.named(TierOptions.MAX_LOCAL_CPU_SIZE).ifPresent(option -> checkFits(option, settings));
        }
        checkFits(ConfigOptions.MAX_BYTES_IN_FLIGHT, settings);
    }

    private void checkFits(Option<?> option, Map<String, Setting> settings) {
        Setting setting = settings.get(option.name());
        if (setting != null
                && option.parse(setting.text()).orElse(null) instanceof ByteSize asked
                && asked.compareTo(machineMemory) > 0) {
            findings.problem("%s is %s (%s), but this machine has %s of memory; lower it"
                    .formatted(setting.writtenAs(), asked, setting.origin(), machineMemory));
        }
    }

    private void checkLayerwise(Map<String, Setting> settings) {
        Setting setting = settings.get(ConfigOptions.USE_LAYERWISE.name());
        if (setting != null && value(ConfigOptions.USE_LAYERWISE, settings).orElse(false)) {
            findings.withoutEffect(setting.writtenAs(), setting.origin());
        }
    }

    private void checkChecksum(Map<String, Setting> settings) {
        boolean isUnchecked = text(TierOptions.FILE_CHECKSUM, settings)
                        .orElse("true")
                        .equals("false")
                && !text(TierOptions.FILE_FORMAT, settings).orElse("native").equals("native");
        if (isUnchecked && text(TierOptions.FSYNC, settings).orElse("none").equals("none")) {
            findings.warning(
                    "%s is false and %s is none: after a power cut a file can have wrong bytes that nobody notices;"
                                    .formatted(TierOptions.FILE_CHECKSUM, TierOptions.FSYNC)
                            + " set one of them to another value");
        }
    }

    private void checkHashSeed(Map<String, Setting> settings) {
        Optional<HashSeed> seed = value(ConfigOptions.HASH_SEED, settings);
        Optional<HashAlgorithm> algorithm = value(ConfigOptions.PRE_CACHING_HASH_ALGORITHM, settings);
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

    /** The normal text of the value of a tier's option; empty when no tier has it, or when the value is not allowed. */
    private Optional<String> text(String name, Map<String, Setting> settings) {
        return options.named(name).flatMap(option -> text(option, settings));
    }

    private static <T> Optional<String> text(Option<T> option, Map<String, Setting> settings) {
        return value(option, settings).map(option::print);
    }

    /** The value of an option; empty when it is not allowed. */
    private static <T> Optional<T> value(Option<T> option, Map<String, Setting> settings) {
        Setting setting = settings.get(option.name());
        return setting == null ? Optional.of(option.defaultValue()) : option.parse(setting.text());
    }

    /** What the JVM may use: of a container its limit, not the host's memory. */
    private static ByteSize machineMemory() {
        return new ByteSize(
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize());
    }
}
