package io.lmcache.core.config;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.lmcache.api.option.Option;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Reads the settings among the environment variables. A blank variable counts as unset. */
final class EnvironmentVariables {
    static final String CONFIG_FILE = "LMCACHE_CONFIG_FILE";
    static final String USE_EXPERIMENTAL = "LMCACHE_USE_EXPERIMENTAL";
    static final String EXTRA_CONFIG = "LMCACHE_EXTRA_CONFIG";
    private static final String PYTHON_HASH_SEED = "PYTHONHASHSEED";

    private static final Set<String> LAUNCHERS =
            Set.of("LMCACHE_PLUGIN_PATH", "LMCACHE_JAVA_OPTS", "LMCACHE_LOG_LEVEL", "LMCACHE_AOT");

    /** Begins the variables of the vLLM connector, which may be set in the same shell. */
    private static final String CONNECTOR_PREFIX = "LMCACHE_JVM_";

    private static final Set<String> LEGACY_ENGINE_WORDS = Set.of("false", "0", "no", "n", "off");
    private static final Set<String> LMCACHE_TRUE_WORDS = Set.of("true", "1");

    private final Map<String, String> environment;
    private final OptionTable options;
    private final Findings findings;

    EnvironmentVariables(Map<String, String> environment, OptionTable options, Findings findings) {
        this.environment = new TreeMap<>(environment);
        this.options = options;
        this.findings = findings;
    }

    /** The name of the configuration file; empty when there is none. */
    Optional<String> configFile() {
        return Optional.ofNullable(environment.get(CONFIG_FILE)).filter(name -> !name.isBlank());
    }

    /** The settings, by name. */
    List<Given> settings() {
        refuseLegacyEngine();
        List<Given> settings = new ArrayList<>();
        environment.forEach((variable, text) -> {
            if (!isOfTheCache(variable)
                    || variable.equals(CONFIG_FILE)
                    || variable.equals(USE_EXPERIMENTAL)
                    || text.isBlank()) {
                return;
            }
            if (variable.equals(EXTRA_CONFIG)) {
                settings.addAll(Given.listOf(extraConfig(text), new ConfigOrigin.Environment(variable), findings));
            } else {
                settings.add(setting(variable, text));
            }
        });
        return settings;
    }

    /** Whether a variable is for the cache, and not for the launcher or a connector. */
    static boolean isOfTheCache(String variable) {
        return variable.startsWith(OptionTable.ENVIRONMENT_PREFIX)
                && !LAUNCHERS.contains(variable)
                && !variable.startsWith(CONNECTOR_PREFIX);
    }

    /** The setting that LMCache reads off a variable of Python's: empty when the variable is not set. */
    List<Given> pythonSettings() {
        String seed = environment.getOrDefault(PYTHON_HASH_SEED, "");
        return seed.isBlank()
                ? List.of()
                : List.of(new Given(
                        ConfigOptions.HASH_SEED.name(), seed, new ConfigOrigin.Environment(PYTHON_HASH_SEED)));
    }

    /** Whether a setting came from a variable that is not the library's, and so was not made for it. */
    static boolean isPythons(ConfigOrigin origin) {
        return origin.equals(new ConfigOrigin.Environment(PYTHON_HASH_SEED));
    }

    private void refuseLegacyEngine() {
        String text = environment.getOrDefault(USE_EXPERIMENTAL, "").strip();
        if (LEGACY_ENGINE_WORDS.contains(text.toLowerCase(Locale.ROOT))) {
            findings.problem(USE_EXPERIMENTAL + " is '" + text
                    + "' (environment), which asks for LMCache's legacy engine; there is none here: unset it");
        }
    }

    private Given setting(String variable, String text) {
        String name =
                variable.substring(OptionTable.ENVIRONMENT_PREFIX.length()).toLowerCase(Locale.ROOT);
        ConfigOrigin origin = new ConfigOrigin.Environment(variable);
        boolean readAsFalse = options.named(name)
                .map(option -> isFalseToLmcache(option, name, text))
                .orElse(false);
        if (readAsFalse) {
            findings.warning(variable + "=" + text + " means false, as in LMCache, where only true and 1 switch an"
                    + " option on in the environment");
        }
        return new Given(name, readAsFalse ? "false" : text, origin);
    }

    /** Whether the text says true in a file, but not in LMCache's environment. */
    private static boolean isFalseToLmcache(Option<?> option, String name, String text) {
        Optional<?> value = option.parse(option.translated(name, text));
        return !LMCACHE_TRUE_WORDS.contains(text.strip().toLowerCase(Locale.ROOT))
                && value.isPresent()
                && value.equals(option.parse(option.translated(name, "true")));
    }

    /** The variable's JSON as the map that it would be in a file. */
    private Map<?, ?> extraConfig(String json) {
        try {
            if (Json.MAPPER.readValue(json, Object.class) instanceof Map<?, ?> extra) {
                return Map.of(Given.EXTRA_CONFIG, extra);
            }
            findings.problem(notAnObject(": it is another kind of value"));
        } catch (JsonProcessingException e) {
            findings.problem(notAnObject(" in line " + e.getLocation().getLineNr() + ", column "
                    + e.getLocation().getColumnNr() + ": " + e.getOriginalMessage()));
        }
        return Map.of();
    }

    private static String notAnObject(String detail) {
        return EXTRA_CONFIG + " (environment) is not a JSON object such as {\"use_direct_io\": true}" + detail;
    }

    /** Apart, so that only a process with such a variable pays for loading Jackson at its start. */
    private static final class Json {
        /** Numbers stay as exact as they were written; a key given twice is an error, not a matter of luck. */
        static final JsonMapper MAPPER = JsonMapper.builder()
                .enable(
                        DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS,
                        DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
                .build();
    }
}
