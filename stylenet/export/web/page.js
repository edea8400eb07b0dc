const MIN_SIDE = 32; // the least that models take
const part = (selector) => document.querySelector(selector);
const settings = JSON.parse(part("#settings").textContent);
const canvas = part("canvas");
const stage = part(".stage");
const shares = [...document.querySelectorAll("fieldset input")];

let worker, answered;
let picture = null; // what is stylised: a bitmap, or a video of the camera
let name = "picture";
let photo = null; // its pixels at the chosen size
let stylised = null; // and what the model makes of them
let wanted = false;
let busy = true; // until the model is open

function say(text, problem = false) {
  part("#status").textContent = text;
  part("#status").classList.toggle("problem", problem);
}

function ask(question, transfer = []) {
  worker.postMessage(question, transfer);
  return new Promise((resolve, reject) => {
    answered = (answer) => (answer.problem ? reject(new Error(answer.problem)) : resolve(answer));
  });
}

async function begin() {
  say("Loading the model …");
  // As a blob, the worker is under this page's Content-Security-Policy.
  const code = await (await fetch("worker.js")).blob();
  worker = new Worker(URL.createObjectURL(code), { type: "module" });
  worker.onmessage = ({ data }) => answered(data);
  worker.onerror = () => answered({ problem: "this browser cannot run module workers" });
  const { backend } = await ask({ open: { ...settings, page: document.baseURI } });
  part("#backend").textContent = backend;
  say("Ready.");
  busy = false;
  if (picture) stylise();
}

// The size at which a picture is stylised: no larger than chosen, and never enlarged.
function size(width, height) {
  const scale = Math.min(1, part("#size").value / Math.max(width, height));
  const sides = [width, height].map((side) => Math.round(side * scale));
  if (Math.min(...sides) < MIN_SIDE) {
    throw new Error(`${sides.join(" × ")} is too small; both sides must have ${MIN_SIDE} pixels`);
  }
  return sides;
}

function pixels() {
  const [width, height] = size(
    picture.videoWidth ?? picture.width, picture.videoHeight ?? picture.height);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

// Shares that sum to 1; none if all sliders are at 0.
function weights() {
  const sum = shares.reduce((total, slider) => total + slider.valueAsNumber, 0);
  return sum ? Float32Array.from(shares, (slider) => slider.valueAsNumber / sum) : null;
}

// One picture at a time: what is asked for meanwhile is done last, and once.
async function stylise() {
  wanted = true;
  if (busy) return;
  busy = true;
  stage.ariaBusy = "true";
  say("Stylising …");
  try {
    while (picture && (wanted || picture.srcObject)) {
      wanted = false;
      await one();
      if (picture.srcObject) await new Promise(requestAnimationFrame); // rests in a hidden tab
    }
    if (part("#status").className !== "problem") say("");
  } catch (error) {
    stop();
    say(`The picture could not be stylised: ${error.message}`, true);
  }
  busy = false;
  stage.ariaBusy = "false";
}

async function one() {
  const taken = pixels();
  const { width, height } = taken;
  const mixture = weights();
  let made = taken.data;
  if (mixture || !shares.length) {
    const rgba = taken.data.slice();
    const answer = await ask({ rgba, width, height, weights: mixture }, [rgba.buffer]);
    made = answer.rgba;
    part("#speed").textContent = `${width} × ${height} in ${answer.ms.toFixed(0)} ms`;
    part("#backend").textContent = answer.backend;
  }
  [photo, stylised] = [taken, made];
  paint();
}

function paint() {
  if (!photo) return;
  const { width, height, data } = photo;
  const strength = part("#strength").value / 100;
  const mixed = new ImageData(width, height);
  for (let at = 0; at < data.length; at++) {
    mixed.data[at] = data[at] + strength * (stylised[at] - data[at]);
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(mixed, 0, 0);
  canvas.hidden = false;
  part(".empty").hidden = true;
  part("#save").disabled = false;
}

function show(source, called) {
  stop();
  picture = source;
  name = called;
  stylise();
}

async function read(file) {
  try {
    show(await createImageBitmap(file), file.name.replace(/\.[^.]*$/, ""));
  } catch {
    say(`${file.name} is no picture that this browser can read.`, true);
  }
}

async function camera() {
  if (picture?.srcObject) return stop();
  if (!navigator.mediaDevices) {
    say("The camera needs a page from https or localhost. A photo works.", true);
    return;
  }
  try {
    const video = document.createElement("video");
    video.muted = video.playsInline = true;
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await video.play();
    show(video, "camera");
    part("#camera").textContent = "Stop camera";
    stage.classList.add("live");
  } catch (error) {
    say(`The camera cannot be used: ${error.message}`, true);
  }
}

// Ends the camera; its last picture stays, and can be stylised further.
function stop() {
  if (!picture?.srcObject) return;
  const still = new OffscreenCanvas(picture.videoWidth, picture.videoHeight);
  still.getContext("2d").drawImage(picture, 0, 0);
  picture.srcObject.getTracks().forEach((track) => track.stop());
  picture = still;
  part("#camera").textContent = "Camera";
  stage.classList.remove("live");
}

function label() {
  const mixture = weights() ?? shares.map(() => 0);
  shares.forEach((slider, at) => {
    slider.previousElementSibling.textContent = `${Math.round(100 * mixture[at])} %`;
  });
}

function save() {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}-stylised.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // phones ask before they save
  });
}

part("#file").addEventListener("change", ({ target }) => {
  if (target.files.length) read(target.files[0]);
  target.value = ""; // the same file may be chosen again
});
part("#camera").addEventListener("click", camera);
part("#save").addEventListener("click", save);
part("#size").addEventListener("change", stylise);
part("#strength").addEventListener("input", ({ target }) => {
  target.previousElementSibling.textContent = `${target.value} %`;
  paint();
});
for (const slider of shares) {
  slider.addEventListener("input", () => {
    label();
    stylise();
  });
}
addEventListener("dragover", (event) => {
  event.preventDefault();
  stage.classList.add("over");
});
addEventListener("dragleave", () => stage.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  if (event.dataTransfer.files.length) read(event.dataTransfer.files[0]);
});

label();
if (location.protocol !== "file:") begin().catch((error) => say(`The model could not be loaded: ${error.message}`, true));
