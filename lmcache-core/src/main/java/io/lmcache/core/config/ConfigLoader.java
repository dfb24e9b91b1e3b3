package io.lmcache.core.config;

import com.sun.management.OperatingSystemMXBean;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.ByteSize;
import io.lmcache.api.option.Option;
import io.lmcache.api.option.OptionType;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.core.backend.BackendRegistry;
import java.lang.management.ManagementFactory;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
    private final ConfigOrigin codeOrigin;
    private final OptionTable options;
    private final ByteSize machineMemory;
    private final Findings findings = new Findings();

    private ConfigLoader(
            Map<String, String> environment,
            Map<String, ?> code,
            ConfigOrigin codeOrigin,
            OptionTable options,
            ByteSize machineMemory) {
        this.environment = environment;
        this.code = code;
        this.codeOrigin = codeOrigin;
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
        return load(environment, code, new ConfigOrigin.Code());
    }

    /**
     * The same for code that has its values from somewhere, such as the arguments of a command.
     *
     * @param origin where
     */
    public static LmcacheConfig load(Map<String, String> environment, Map<String, ?> code, ConfigOrigin origin) {
        OptionTable options = new OptionTable(BackendRegistry.discover());
        LmcacheConfig config = new ConfigLoader(environment, code, origin, options, machineMemory()).load();
        config.warnings().forEach(LOG::warn);
        return config;
    }

    static LmcacheConfig load(
            Map<String, String> environment, Map<String, ?> code, OptionTable options, ByteSize machineMemory) {
        return new ConfigLoader(environment, code, new ConfigOrigin.Code(), options, machineMemory).load();
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
        PluginTiers tiers = PluginTiers.of(backend);
        Map<String, Setting> resolved = new SettingResolver(tiers, options, findings).resolve(List.of(given));
        options.ofBackend(backend)
                .orElse(List.of())
                .forEach(option -> check(option, resolved.get(backend + "." + option), findings));
        findings.throwProblems();
        return BackendSettings.of(
                backend, new LmcacheConfig(resolved, options, tiers, List.of()).pluginSettings(backend));
    }

    private LmcacheConfig load() {
        List<List<Given>> sources = sources();
        PluginTiers plugins = PluginTiers.in(sources, options);
        Map<String, Setting> settings = layered(sources, plugins);
        LocalDisk.configureIn(settings);
        StackChecks checks = new StackChecks(settings, options, plugins, machineMemory, findings);
        checks.chooseDefaults();
        options.all().forEach(option -> check(option, settings.get(option.name()), findings));
        plugins.names().forEach(tier -> checkOwn(tier, plugins.kind(tier), settings));
        checks.run();
        findings.throwProblems();
        return new LmcacheConfig(settings, options, plugins, findings.warnings());
    }

    /** The settings of all sources, strongest first. */
    private List<List<Given>> sources() {
        EnvironmentVariables variables = new EnvironmentVariables(environment, options, findings);
        return List.of(
                Given.listOf(code, codeOrigin, findings),
                variables.settings(),
                variables.configFile().map(this::fileSettings).orElse(List.of()),
                variables.pythonSettings());
    }

    private List<Given> fileSettings(String name) {
        try {
            Path file = OptionType.path(name.strip());
            return Given.listOf(YamlFile.read(file, findings), new ConfigOrigin.File(file), findings);
        } catch (InvalidPathException e) {
            findings.problem(
                    EnvironmentVariables.CONFIG_FILE + " is '" + name + "', which is not a path: " + e.getReason());
            return List.of();
        }
    }

    private Map<String, Setting> layered(List<List<Given>> sources, PluginTiers plugins) {
        SettingResolver resolver = new SettingResolver(plugins, options, findings);
        CompositeConfiguration layers = new CompositeConfiguration();
        sources.forEach(source -> layers.addConfiguration(new MapConfiguration(resolver.resolve(source))));
        Map<String, Setting> settings = new HashMap<>();
        layers.getKeys().forEachRemaining(name -> settings.put(name, (Setting) layers.getProperty(name)));
        return settings;
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

    private void checkOwn(String tier, String backend, Map<String, Setting> settings) {
        options.ofBackend(backend)
                .orElse(List.of())
                .forEach(option -> check(option, settings.get(tier + "." + option), findings));
    }

    /** Whether an environment says something of the cache; variables of the launcher and of connectors do not. */
    public static boolean isConfigured(Map<String, String> environment) {
        return environment.entrySet().stream()
                .anyMatch(variable ->
                        !variable.getValue().isBlank() && EnvironmentVariables.isOfTheCache(variable.getKey()));
    }

    /** What the JVM may use: of a container its limit, not the host's memory. */
    private static ByteSize machineMemory() {
        return new ByteSize(
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize());
    }
}
