"""vLLM's registry of connectors, with its own connector of our name in it."""


class KVConnectorFactory:
    _registry: dict = {"LMCacheConnectorV1": ("vllm's own", "LMCacheConnectorV1")}  # noqa: RUF012

    @classmethod
    def register_connector(cls, name: str, module_path: str, class_name: str) -> None:
        if name in cls._registry:
            raise ValueError(f"Connector '{name}' is already registered.")
        cls._registry[name] = (module_path, class_name)
