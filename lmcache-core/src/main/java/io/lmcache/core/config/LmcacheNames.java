package io.lmcache.core.config;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The settings that LMCache's releases have had, those of 0.5 and those before, and what becomes of each here.
 *
 * <p>A name that ends in {@code *} stands for all that begin so.
 */
final class LmcacheNames {
    /**
     * Settings with one fate.
     *
     * @param names LMCache's names
     * @param here what they are here, or why they are nothing
     */
    record Group(List<String> names, String here) {
        private boolean has(String name) {
            return names.stream()
                    .anyMatch(known -> known.endsWith("*")
                            ? name.startsWith(known.substring(0, known.length() - 1))
                            : known.equals(name));
        }
    }

    /** What means the same here. */
    static final List<Group> HONOURED = List.of(
            new Group(
                    List.of(
                            "chunk_size",
                            "local_cpu",
                            "max_local_cpu_size",
                            "cache_policy",
                            "gds_path",
                            "gds_path_sharding",
                            "remote_url",
                            "remote_serde",
                            "remote_storage_plugins",
                            "blocking_timeout_secs",
                            "min_retrieve_tokens",
                            "lmcache_instance_id",
                            "extra_config.use_direct_io",
                            "extra_config.max_alloc_attempts",
                            "extra_config.allocation_attempt_delay_secs"),
                    "the same"),
            new Group(
                    List.of("local_disk", "max_local_disk_size"),
                    "the tier `disk`, of kind `posix`, above that of `gds_path`; as in LMCache there is none while the size"
                            + " is 0"),
            new Group(List.of("save_unfull_chunk"), "the same; `true` unless set, as in 0.3.2, not `false`"),
            new Group(
                    List.of("pre_caching_hash_algorithm"),
                    "the same; `sha256` unless set, as in 0.3.2, and `builtin` with `file_format: lmcache_0_5`"),
            new Group(
                    List.of("gds_buffer_size", "cufile_buffer_size"),
                    "the same, in MB, under either name: 0.5 has the first, 0.3.2 the second"),
            new Group(
                    List.of("use_gds"),
                    "`use_cufile`: `true` is `auto`, since 0.5 goes on without direct I/O, too; `false` is `false`"),
            new Group(
                    List.of("extra_config.use_cufile"),
                    "`use_cufile`: with `true` the start fails where cuFile does not work, as in 0.3.2"),
            new Group(
                    List.of("extra_config.gds_io_threads", "extra_config.disk_io_threads"),
                    "`disk_io_threads`; 0, LMCache's word for none of its own, is one thread"),
            new Group(List.of("storage_plugins"), "the same, of backends for the JVM instead of Python modules"));

    /** What is honoured under another name: LMCache's name, and the name here. */
    static final Map<String, String> RENAMED = Map.of(
            "weka_path", "gds_path",
            "external_backends", "storage_plugins",
            "local_disk_path_sharding", "disk.gds_path_sharding",
            "extra_config.use_odirect", "disk.use_direct_io");

    /** What there is no use for here. */
    static final List<Group> UNUSED = List.of(
            new Group(List.of("use_layerwise"), "chunks move with all their layers"),
            new Group(
                    List.of("enable_blending", "blend_*"),
                    "chunks are prefixes: none is found in the middle of a prompt"),
            new Group(
                    List.of("enable_p2p", "p2p_*", "peer_init_ports", "peer_lookup_ports", "extra_config.p2p_*"),
                    "no sharing from process to process: they share a directory or a remote store"),
            new Group(
                    List.of("lookup_url", "distributed_url", "transfer_channel", "external_lookup_client"),
                    "lookups ask the tiers themselves"),
            new Group(
                    List.of(
                            "enable_pd",
                            "enable_xpyd",
                            "pd_*",
                            "enable_nixl",
                            "nixl_*",
                            "extra_config.enable_nixl_storage",
                            "extra_config.nixl_*"),
                    "no transfer from prefill to decode, and no NIXL"),
            new Group(
                    List.of(
                            "enable_controller",
                            "controller_*",
                            "lmcache_worker_*",
                            "remote_config_url",
                            "app_id",
                            "enable_kv_events"),
                    "no controller: each process has its own configuration"),
            new Group(
                    List.of("internal_api_server_*", "script_allowed_imports"),
                    "no server inside the engine; `./lmcache serve` is one beside it"),
            new Group(List.of("mp_host", "mp_port"), "`./lmcache serve --socket`, or `--tcp` with `--token-file`"),
            new Group(
                    List.of(
                            "lookup_timeout_ms",
                            "lookup_server_worker_ids",
                            "enable_scheduler_bypass_lookup",
                            "hit_miss_ratio",
                            "extra_config.lookup_backoff_time"),
                    "a lookup is one call, bounded by `blocking_timeout_secs`"),
            new Group(
                    List.of(
                            "save_decode_cache",
                            "priority_limit",
                            "enable_async_loading",
                            "use_gpu_connector_v3",
                            "extra_config.save_only_first_rank",
                            "extra_config.first_rank_max_blocking_time_secs",
                            "extra_config.remote_enable_mla_worker_id_as0"),
                    "the engine's decision, or its connector's"),
            new Group(
                    List.of("retrieve_locations", "store_location"),
                    "every tier that is configured is written to and asked"),
            new Group(
                    List.of(
                            "local_cpu_use_hugepages",
                            "reserve_local_cpu_size",
                            "enable_lazy_memory_allocator",
                            "lazy_memory_*",
                            "numa_mode",
                            "extra_config.gpu_to_numa_mapping",
                            "py_enable_gc"),
                    "the host tier's memory is taken as it is used, in huge pages where there are some"),
            new Group(List.of("cost_aware_*"), "there is no such `cache_policy`"),
            new Group(List.of("pin_timeout_sec", "pin_check_interval_sec"), "a pin ends with its lookup or its client"),
            new Group(List.of("gds_backend"), "cuFile is the only one"),
            new Group(List.of("maru_path", "maru_pool_size"), "no tier for CXL memory"),
            new Group(
                    List.of("enable_chunk_statistics", "chunk_statistics_*", "extra_config.histogram_bucket_*"),
                    "`./lmcache replay` tells what a cache would find"),
            new Group(
                    List.of(
                            "enable_hidden_state_cache",
                            "max_hidden_state_cpu_size",
                            "hidden_state_*",
                            "hidden_states_*",
                            "ec",
                            "ec_*"),
                    "no cache of hidden states or of encoders by configuration"),
            new Group(
                    List.of(
                            "runtime_plugin_locations",
                            "plugin_locations",
                            "extra_config.storage_plugin.*",
                            "extra_config.remote_storage_plugin.*"),
                    "Python code; backends for the JVM are found in `LMCACHE_PLUGIN_PATH`"),
            new Group(
                    List.of("audit_actual_remote_url", "extra_config.audit_actual_remote_url", "error_handling"),
                    "gone from LMCache, or for its developers"));

    private LmcacheNames() {}

    /** Whether LMCache has a setting of that name which means the same here. */
    static boolean isHonoured(String name) {
        return HONOURED.stream().anyMatch(group -> group.has(name));
    }

    /** What a setting of LMCache's is called here; empty when that is no other name. */
    static Optional<String> nameHere(String name) {
        return Optional.ofNullable(RENAMED.get(name));
    }

    /** Whether LMCache has a setting of that name for which there is no use here. */
    static boolean isUnused(String name) {
        return UNUSED.stream().anyMatch(group -> group.has(name));
    }

    /** All names that are spelt out. */
    static Stream<String> all() {
        return Stream.concat(
                        Stream.of(HONOURED, UNUSED).flatMap(List::stream).flatMap(group -> group.names().stream()),
                        RENAMED.keySet().stream())
                .filter(name -> !name.endsWith("*"));
    }
}
