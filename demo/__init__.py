"""The Gradio demo: the runtime behind a web page. Imports neither torch nor `models` unless both are installed."""
