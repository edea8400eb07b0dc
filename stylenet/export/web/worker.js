// Runs the model beside the page, so that the page stays responsive.
let settings, ort, session, backend;

async function load(name, options) {
  const answer = await fetch(new URL(name, settings.page), options).catch(() => null);
  if (!answer?.ok) throw new Error(`${name} cannot be fetched, or is another file`);
  return answer.arrayBuffer();
}

// onnxruntime-web loads its own files unchecked. So both are loaded here, against their hashes.
const part = (name) => load(settings.runtime + name, { integrity: settings.hashes[name] });

async function open(kind) {
  const files = settings.builds[kind].map(part);
  const model = load("model.onnx", { cache: "no-cache" }); // a new export replaces a cached model
  const [code, binary, graph] = await Promise.all([...files, model]);
  // The address stays: threads of WebAssembly load the script from it again.
  ort = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  ort.env.wasm.wasmBinary = binary;
  const options = { executionProviders: [kind], logSeverityLevel: 3 }; // errors only
  session = await ort.InferenceSession.create(graph, options);
  const count = ort.env.wasm.numThreads;
  backend = kind === "webgpu" ? "WebGPU" : `WebAssembly on ${count} thread${count > 1 ? "s" : ""}`;
}

async function hasGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return !!adapter && !adapter.info?.isFallbackAdapter; // a fallback is slower than WebAssembly
}

async function openBest() {
  if (!(await hasGpu())) return open("wasm");
  try {
    await open("webgpu");
  } catch (error) {
    await withoutGpu(error);
  }
}

async function withoutGpu(error) {
  await open("wasm");
  backend += `, as WebGPU failed: ${error.message}`;
}

async function stylise({ rgba, width, height, weights }) {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  const inputs = { image: new ort.Tensor("uint8", rgb, [1, height, width, 3]) };
  if (weights) inputs.style_weights = new ort.Tensor("float32", weights, [1, weights.length]);
  const start = performance.now();
  const { stylized } = await session.run(inputs);
  const ms = performance.now() - start;
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = stylized.data[from];
    rgba[to + 1] = stylized.data[from + 1];
    rgba[to + 2] = stylized.data[from + 2];
  }
  return { rgba, ms };
}

async function answer(asked) {
  if (asked.open) {
    settings = asked.open;
    await openBest();
    return { backend };
  }
  try {
    return { ...(await stylise(asked)), backend };
  } catch (error) {
    if (backend !== "WebGPU") throw new Error(`${error.message}; a smaller size may help`);
    await withoutGpu(error); // the graphics card may lack memory
    return answer(asked);
  }
}

onmessage = async ({ data }) => {
  try {
    postMessage(await answer(data));
  } catch (error) {
    postMessage({ problem: error.message ?? String(error) });
  }
};
