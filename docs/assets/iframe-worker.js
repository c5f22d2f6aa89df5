// Browsers start no web worker for a page that was opened from a disk, and the theme searches in one.
// From a disk only, this stands in for Worker: it runs the worker's script in a hidden frame of the same page.
if (window.location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super();
      this.onmessage = null;
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      const base = new URL(script, document.baseURI);
      const load = (address) =>
        new Promise((done, failed) => {
          const element = inside.document.createElement("script");
          element.src = new URL(address, base).href;
          element.onload = done;
          element.onerror = () => failed(new Error(`${element.src} can't be loaded`));
          inside.document.head.append(element);
        });
      // A worker waits for the scripts that it imports; here the import is a promise, which the theme awaits.
      inside.importScripts = (...addresses) =>
        addresses.reduce((before, address) => before.then(() => load(address)), Promise.resolve());
      inside.postMessage = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      };
      this.ready = load(base);
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
