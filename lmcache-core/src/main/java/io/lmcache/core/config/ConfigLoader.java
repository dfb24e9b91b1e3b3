package io.lmcache.core.config;

import com.sun.management.OperatingSystemMXBean;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.core.hash.HashSeed;
import java.lang.management.ManagementFactory;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.commons.configuration2.CompositeConfiguration;
import org.apache.commons.configuration2.MapConfiguration;
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
    private final ByteSize machineMemory;
    private final Findings findings = new Findings();

    private ConfigLoader(Map<String, String> environment, Map<String, ?> code, ByteSize machineMemory) {
        this.environment = environment;
        this.code = code;
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
        LmcacheConfig config = load(environment, code, machineMemory());
        config.warnings().forEach(LOG::warn);
        return config;
    }

    static LmcacheConfig load(Map<String, String> environment, Map<String, ?> code, ByteSize machineMemory) {
        return new ConfigLoader(environment, code, machineMemory).load();
    }

    private LmcacheConfig load() {
        Map<String, Setting> settings = layered(sources());
        limitDefaults(settings);
        chooseHash(settings);
        ConfigOptions.all().forEach(option -> check(option, settings));
        checkMemory(settings);
        checkLayerwise(settings);
        checkHash(settings);
        checkHashSeed(settings);
        checkChecksum(settings);
        findings.throwProblems();
        return new LmcacheConfig(settings, findings.warnings());
    }

    /** The settings of all sources, strongest first. */
    private List<List<Given>> sources() {
        EnvironmentVariables variables = new EnvironmentVariables(environment, findings);
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
        SettingResolver resolver = new SettingResolver(plugins(sources), findings);
        CompositeConfiguration layers = new CompositeConfiguration();
        sources.forEach(source -> layers.addConfiguration(new MapConfiguration(resolver.resolve(source))));
        Map<String, Setting> settings = new HashMap<>();
        layers.getKeys().forEachRemaining(name -> settings.put(name, (Setting) layers.getProperty(name)));
        return settings;
    }

    /** The names in {@code storage_plugins}: which names are known depends on them. */
    private static List<String> plugins(List<List<Given>> sources) {
        return sources.stream()
                .flatMap(List::stream)
                .filter(given -> given.name().equals(ConfigOptions.STORAGE_PLUGINS.name()))
                .findFirst()
                .flatMap(given -> SettingResolver.text(given.value()))
                .flatMap(ConfigOptions.STORAGE_PLUGINS::parse)
                .orElse(List.of());
    }

    private void check(ConfigOption<?> option, Map<String, Setting> settings) {
        Setting setting = settings.get(option.name());
        if (setting != null && option.parse(setting.text()).isEmpty()) {
            findings.problem("%s is '%s' (%s), allowed are %s"
                    .formatted(setting.writtenAs(), setting.text(), setting.origin(), option.allowed()));
        }
    }

    /** Keeps the default of the host tier within half of a small machine: nobody asked for those 5 GB. */
    private void limitDefaults(Map<String, Setting> settings) {
        ConfigOption<ByteSize> option = ConfigOptions.MAX_LOCAL_CPU_SIZE;
        ByteSize half = new ByteSize(machineMemory.bytes() / 2);
        if (option.parse(option.defaultText())
                .filter(size -> size.compareTo(half) > 0)
                .isPresent()) {
            settings.putIfAbsent(
                    option.name(), new Setting(option.print(half), option.name(), new ConfigOrigin.Default()));
        }
    }

    /** A directory is shared with LMCache by those only who name chunks as it does. */
    private static void chooseHash(Map<String, Setting> settings) {
        ConfigOption<HashAlgorithm> option = ConfigOptions.PRE_CACHING_HASH_ALGORITHM;
        value(ConfigOptions.FILE_FORMAT, settings)
                .map(format -> option.print(format.hashes().getFirst()))
                .map(usual -> new Setting(usual, option.name(), new ConfigOrigin.Default()))
                .ifPresent(setting -> settings.putIfAbsent(option.name(), setting));
    }

    private void checkHash(Map<String, Setting> settings) {
        ConfigOption<HashAlgorithm> option = ConfigOptions.PRE_CACHING_HASH_ALGORITHM;
        Optional<HashAlgorithm> algorithm = value(option, settings);
        Optional<FileFormat> format = value(ConfigOptions.FILE_FORMAT, settings);
        if (algorithm.isEmpty() || format.isEmpty() || format.get().hashes().contains(algorithm.get())) {
            return;
        }
        String hashes = format.get().hashes().stream().map(option::print).collect(Collectors.joining(" or "));
        findings.warning("%s is %s, but %s is %s: no LMCache names the files of that format so, and neither side finds"
                        .formatted(
                                ConfigOptions.FILE_FORMAT,
                                ConfigOptions.FILE_FORMAT.print(format.get()),
                                option,
                                option.print(algorithm.get()))
                + " what the other stores; set " + option + " to " + hashes);
    }

    private void checkMemory(Map<String, Setting> settings) {
        if (value(ConfigOptions.LOCAL_CPU, settings).orElse(true)) {
            checkFits(ConfigOptions.MAX_LOCAL_CPU_SIZE, settings);
        }
        checkFits(ConfigOptions.MAX_BYTES_IN_FLIGHT, settings);
    }

    private void checkFits(ConfigOption<ByteSize> option, Map<String, Setting> settings) {
        Setting setting = settings.get(option.name());
        if (setting != null) {
            option.parse(setting.text())
                    .filter(asked -> asked.compareTo(machineMemory) > 0)
                    .ifPresent(asked -> findings.problem("%s is %s (%s), but this machine has %s of memory; lower it"
                            .formatted(setting.writtenAs(), asked, setting.origin(), machineMemory)));
        }
    }

    private void checkLayerwise(Map<String, Setting> settings) {
        Setting setting = settings.get(ConfigOptions.USE_LAYERWISE.name());
        if (setting != null && value(ConfigOptions.USE_LAYERWISE, settings).orElse(false)) {
            findings.withoutEffect(setting.writtenAs(), setting.origin());
        }
    }

    private void checkChecksum(Map<String, Setting> settings) {
        boolean isChecked = value(ConfigOptions.FILE_CHECKSUM, settings).orElse(true)
                || value(ConfigOptions.FILE_FORMAT, settings).orElse(FileFormat.NATIVE) == FileFormat.NATIVE;
        if (!isChecked && value(ConfigOptions.FSYNC, settings).orElse(FsyncMode.NONE) == FsyncMode.NONE) {
            findings.warning(
                    "%s is false and %s is none: after a power cut a file can have wrong bytes that nobody notices;"
                                    .formatted(ConfigOptions.FILE_CHECKSUM, ConfigOptions.FSYNC)
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

    /** The value of an option; empty when it is not allowed. */
    private static <T> Optional<T> value(ConfigOption<T> option, Map<String, Setting> settings) {
        Setting setting = settings.get(option.name());
        return option.parse(setting == null ? option.defaultText() : setting.text());
    }

    /** What the JVM may use: of a container its limit, not the host's memory. */
    private static ByteSize machineMemory() {
        return new ByteSize(
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize());
    }
}
